"""Every hostile case for the fetcher, on real sockets and real TLS."""

import socket
import time
import tracemalloc
from dataclasses import replace

import pytest

from retouch.clock import SystemClock
from retouch.edges.fetch.fetcher import Fetcher
from retouch.guard.policy import Policy
from retouch.guard.refusals import FetchError
from tests.cases.ssrf import DEFAULT_POLICY, cases, outcomes
from tests.support.pictures import opened
from tests.support.web import GOOD, Names, Web

ATTEMPTS = 3  # how often a caller asks again for what is worth it
READ_AHEAD = 8192 + 512  # the client's buffer, and a head
TEMPO = 40  # cases that wait are played faster


def policy(case, tempo):
    given = {**DEFAULT_POLICY, **case.get("policy", {})}
    return Policy(
        schemes=tuple(given["schemes"]),
        ports=tuple(given["ports"]),
        hosts=tuple(given["allow_hosts"] or ()),
        redirects=given["max_redirects"],
        longest_url=given["max_url_len"],
        most_bytes=given["max_bytes"],
        connect_seconds=given["connect_timeout_s"],
        gap_seconds=given["read_timeout_s"] / tempo,
        total_seconds=given["total_timeout_s"] / tempo,
    )


def fetched(fetcher, url, clock):
    """The picture, or the error that is left when all attempts are used up."""
    for _ in range(ATTEMPTS):
        try:
            with fetcher.open(url, clock.now() + 60) as picture:
                return b"".join(picture.chunks)
        except FetchError as error:
            last = error
            if not error.retryable:
                break
    return last


def play(case, web, names, log):
    clock = SystemClock()
    fetcher = Fetcher(policy(case, web.tempo), clock, resolve=names, dial=web.dial, log=log.append)
    return [fetched(fetcher, case["url"], clock) for _ in range(case.get("repeat", 1))]


def check_verdict(case, result):
    failed = isinstance(result, FetchError)
    if failed and case["expect"] == "allow":
        raise AssertionError(f"over-blocked: {result.reason}")
    assert (
        failed or "allow" in (case["expect"], case.get("expect_alt")) or case["expect"] == "either"
    )
    if failed and "reason_any_of" in case:
        assert f"{result.code}/{result.reason}" in outcomes(case["reason_any_of"])
    if not failed:
        shown = opened(result)
        assert shown.format == "PNG"
        assert shown.size in [(8, 8), (1, 1)]


def check_error(case, error, log):
    if "retryable" in case:
        assert error.retryable is case["retryable"]
    told = f"{error} {error.code} {log}"
    for secret in [*case.get("error_must_not_contain", ()), "x.png", "169.254"]:
        assert secret not in f"{error} {error.code}"
    for secret in case.get("error_must_not_contain", ()):
        assert secret not in told
    assert not any(name in str(error) for name in case.get("dns", ()) if name != "*")


def check_traffic(case, web):
    dialled = [address for address, _ in web.dialled]
    assert not set(dialled) & set(case.get("must_not_connect", ()))
    if "connect_to" in case:
        assert list(dict.fromkeys(dialled)) == case["connect_to"]
    assert len(dialled) <= case.get("max_connects", 50)
    assert len(web.asked) <= case.get("max_requests", 50)
    if case["expect"] == "block" and "http" not in case:
        assert dialled == []
    if "max_body_read" in case:
        assert web.received <= case["max_body_read"] + READ_AHEAD


def check_requests(case, web):
    for request in web.asked:
        assert not {"cookie", "authorization", "referer", "proxy-authorization"} & set(
            request.headers
        )
        assert request.headers["accept-encoding"] == "identity"
    if "sent_target" in case:
        assert [r.target for r in web.asked] == [case["sent_target"]]
    if "expect_sni" in case:
        assert [r.server_name for r in web.asked] == [case["expect_sni"]]
    if "expect_host_header" in case:
        assert [r.headers["host"] for r in web.asked] == [case["expect_host_header"]]


@pytest.fixture
def environment(monkeypatch, tmp_path):
    """Sets a case's variables; whatever they lead to is a trap. Gives what was caught."""
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
def test_a_hostile_case_comes_to_what_it_must(case, environment):
    environment(case)
    names, log = Names(case.get("dns", {})), []
    tempo = TEMPO if is_slow(case) else 1
    with Web(*case.get("http", [GOOD]), tempo=tempo) as web:
        started = time.monotonic()
        first, *others = play(case, web, names, log)
        elapsed = (time.monotonic() - started) / (ATTEMPTS if is_slow(case) else 1)
    check_verdict(case, first)
    for result in others:
        check_verdict({**case, "expect": "either"}, result)
    for result in [r for r in [first, *others] if isinstance(r, FetchError)]:
        check_error(case, result, log)
    check_traffic(case, web)
    check_requests(case, web)
    assert elapsed <= case.get("max_elapsed_s", 21) / tempo + 5
    assert [line["event"] for line in log] == ["fetch"] * len(log)
    assert not any(part in str(log) for part in ("x.png", "sig", "/latest"))


MEMORY = [case for case in cases() if "max_rss_mb" in case]


@pytest.mark.parametrize("case", MEMORY, ids=lambda case: case["id"])
def test_a_bomb_is_never_inflated(case):
    with Web(*case["http"]) as web:
        play(case, web, Names(case["dns"]), [])  # the bomb itself is made, once
        tracemalloc.start()
        (result,) = play(case, web, Names(case["dns"]), [])
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert isinstance(result, FetchError)
    assert peak <= case["max_rss_mb"] * 1_000_000


def test_the_cases_are_all_there():
    assert len(cases()) == 279
    assert len({case["id"] for case in cases()}) == 279


def test_the_default_policy_of_the_cases_is_ours_but_for_plain_http():
    given = policy({}, 1)
    assert replace(given, schemes=("https",), ports=(443,)) == Policy()
