"""Tests that run every hostile case through the fetcher, on real sockets and real TLS."""

import socket
import time
import tracemalloc
from dataclasses import replace
from typing import Any

import pytest

from retouch.core.clock import SystemClock
from retouch.core.url_policy.errors import FetchError
from retouch.core.url_policy.policy import FetchPolicy
from retouch.infrastructure.fetch.fetcher import Fetcher
from tests.cases.ssrf import DEFAULT_POLICY, cases, matching_outcomes
from tests.support.fake_internet import GOOD_RESPONSE, FakeInternet, ScriptedResolver
from tests.support.images import decode_image

ATTEMPTS = 3  # how often a caller repeats a retryable fetch
READ_AHEAD = 8192 + 512  # the read buffer of the client and one response head
SPEED_UP = 40  # cases that wait run this many times faster


def case_policy(case, speedup):
    limits = {**DEFAULT_POLICY, **case.get("policy", {})}
    return FetchPolicy(
        schemes=tuple(limits["schemes"]),
        ports=tuple(limits["ports"]),
        hosts=tuple(limits["allow_hosts"] or ()),
        max_redirects=limits["max_redirects"],
        max_url_length=limits["max_url_len"],
        max_bytes=limits["max_bytes"],
        connect_seconds=limits["connect_timeout_s"],
        read_seconds=limits["read_timeout_s"] / speedup,
        total_seconds=limits["total_timeout_s"] / speedup,
    )


def fetch_with_retries(fetcher, url, clock):
    """Return the image bytes, or the error that remains after all attempts."""
    for _ in range(ATTEMPTS):
        try:
            with fetcher.open(url, clock.now() + 60) as response:
                return b"".join(response.chunks)
        except FetchError as error:
            last = error
            if not error.retryable:
                break
    return last


def run_case(case, web, names, log):
    clock = SystemClock()
    fetcher = Fetcher(
        case_policy(case, web.speedup),
        clock,
        resolve_name=names,
        open_connection=web.open_connection,
        log=log.append,
    )
    return [fetch_with_retries(fetcher, case["url"], clock) for _ in range(case.get("repeat", 1))]


def check_verdict(case, result):
    failed = isinstance(result, FetchError)
    if failed and case["expect"] == "allow":
        raise AssertionError(f"over-blocked: {result.reason}")
    assert (
        failed or "allow" in (case["expect"], case.get("expect_alt")) or case["expect"] == "either"
    )
    if failed and "reason_any_of" in case:
        assert f"{result.code}/{result.reason}" in matching_outcomes(case["reason_any_of"])
    if not failed:
        image = decode_image(result)
        assert image.format == "PNG"
        assert image.size in [(8, 8), (1, 1)]


def check_error(case, error, log):
    if "retryable" in case:
        assert error.retryable is case["retryable"]
    public_text_and_log = f"{error} {error.code} {log}"
    for secret in [*case.get("error_must_not_contain", ()), "x.png", "169.254"]:
        assert secret not in f"{error} {error.code}"
    for secret in case.get("error_must_not_contain", ()):
        assert secret not in public_text_and_log
    assert not any(name in str(error) for name in case.get("dns", ()) if name != "*")


def check_traffic(case, web):
    dialled = [address for address, _ in web.connected_addresses]
    assert not set(dialled) & set(case.get("must_not_connect", ()))
    if "connect_to" in case:
        assert list(dict.fromkeys(dialled)) == case["connect_to"]
    assert len(dialled) <= case.get("max_connects", 50)
    assert len(web.requests) <= case.get("max_requests", 50)
    if case["expect"] == "block" and "http" not in case:
        assert dialled == []
    if "max_body_read" in case:
        assert web.received_bytes <= case["max_body_read"] + READ_AHEAD


def check_requests(case, web):
    for request in web.requests:
        assert not {"cookie", "authorization", "referer", "proxy-authorization"} & set(
            request.headers
        )
        assert request.headers["accept-encoding"] == "identity"
    if "sent_target" in case:
        assert [r.target for r in web.requests] == [case["sent_target"]]
    if "expect_sni" in case:
        assert [r.server_name for r in web.requests] == [case["expect_sni"]]
    if "expect_host_header" in case:
        assert [r.headers["host"] for r in web.requests] == [case["expect_host_header"]]


@pytest.fixture
def environment(monkeypatch, tmp_path):
    """Return a function that sets a case's environment variables. Any connection they cause fails the test."""
    with socket.create_server(("127.0.0.1", 0)) as trap:
        trap.settimeout(0.01)

        def prepare(case):
            netrc = tmp_path / "netrc"
            netrc.write_text("default login user password secret\n")
            netrc.chmod(0o600)
            proxy = f"http://127.0.0.1:{trap.getsockname()[1]}"
            for name in case.get("env", ()):
                monkeypatch.setenv(name, str(netrc) if name == "NETRC" else proxy)
                monkeypatch.setenv(name.lower(), str(netrc) if name == "NETRC" else proxy)

        yield prepare
        with pytest.raises(TimeoutError):
            trap.accept()


def is_slow(case):
    return any(
        s.keys() & {"hang_s", "drip_headers"} or "drip:" in s.get("body", "")
        for s in case.get("http", ())
    )


@pytest.mark.parametrize("case", cases(), ids=lambda case: case["id"])
def test_hostile_case_ends_as_expected(case, environment):
    environment(case)
    names = ScriptedResolver(case.get("dns", {}))
    log: list[dict[str, Any]] = []
    speedup = SPEED_UP if is_slow(case) else 1
    with FakeInternet(*case.get("http", [GOOD_RESPONSE]), speedup=speedup) as web:
        started = time.monotonic()
        first, *others = run_case(case, web, names, log)
        elapsed = (time.monotonic() - started) / (ATTEMPTS if is_slow(case) else 1)
    check_verdict(case, first)
    for result in others:
        check_verdict({**case, "expect": "either"}, result)
    for result in [r for r in [first, *others] if isinstance(r, FetchError)]:
        check_error(case, result, log)
    check_traffic(case, web)
    check_requests(case, web)
    assert elapsed <= case.get("max_elapsed_s", 21) / speedup + 5
    assert [line["event"] for line in log] == ["fetch"] * len(log)
    assert not any(part in str(log) for part in ("x.png", "sig", "/latest"))


MEMORY = [case for case in cases() if "max_rss_mb" in case]


@pytest.mark.parametrize("case", MEMORY, ids=lambda case: case["id"])
def test_compression_bomb_is_not_inflated(case):
    with FakeInternet(*case["http"]) as web:
        # The first run builds the bomb, which is then cached.
        run_case(case, web, ScriptedResolver(case["dns"]), [])
        tracemalloc.start()
        (result,) = run_case(case, web, ScriptedResolver(case["dns"]), [])
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert isinstance(result, FetchError)
    assert peak <= case["max_rss_mb"] * 1_000_000


def test_case_file_holds_279_unique_cases():
    assert len(cases()) == 279
    assert len({case["id"] for case in cases()}) == 279


def test_default_case_policy_equals_default_policy_except_plain_http():
    default_policy = case_policy({}, 1)
    assert replace(default_policy, schemes=("https",), ports=(443,)) == FetchPolicy()
