"""Tests of fetching that the hostile cases do not cover: the allow list, host names, addresses and the log."""

from typing import Any

import pytest

from devserver.ports import unused_port
from retouch.core.url_policy.errors import MESSAGES, FetchError
from retouch.core.url_policy.policy import FetchPolicy
from retouch.infrastructure.fetch.fetcher import Fetcher
from tests.support.fake_internet import GOOD_RESPONSE, FakeInternet, ScriptedResolver
from tests.support.fetching import (
    CLOCK,
    PNG,
    URL,
    fetch_outcome,
    make_fetcher,
    raw_response,
    scripted_response,
)
from tests.support.images import photo
from tests.support.upstream import Upstream


def test_redirect_is_followed_to_the_image():
    jpeg = photo(8, 8, "JPEG")
    redirect = {"status": 302, "headers": {"location": "/y"}, "body": ""}
    with (
        FakeInternet(redirect, raw_response(f"content-length: {len(jpeg)}", body=jpeg)) as web,
        make_fetcher(web).open(URL, CLOCK.now() + 10) as fetched,
    ):
        assert b"".join(fetched.chunks) == jpeg
    assert [request.target for request in web.requests] == ["/x.png?sig=secret", "/y"]


def test_certificate_for_another_name_fails_fetch():
    with FakeInternet({**GOOD_RESPONSE, "tls": "other_name"}) as web:
        assert fetch_outcome(web) == "tls_failed"
        assert web.requests == []


def test_unreachable_address_falls_back_to_next_address():
    with FakeInternet(
        {"connect_error": "ECONNREFUSED"}, {"connect_error": "ETIMEDOUT"}, GOOD_RESPONSE
    ) as web:
        dns_answers = {"a.test": [["2606:4700::1", "8.8.8.8", "1.1.1.1"]]}
        assert make_fetcher(web, dns_answers=dns_answers).read(URL, CLOCK.now() + 10) == PNG
        assert [address for address, _ in web.connected_addresses] == [
            "8.8.8.8",
            "1.1.1.1",
            "2606:4700::1",
        ]


def test_allow_list_entry_permits_private_host_over_http():
    policy = FetchPolicy.from_text("minio:9000")
    with FakeInternet(GOOD_RESPONSE) as web:
        private = make_fetcher(web, policy, {"minio": [["10.0.0.7"]]})
        assert private.read("http://minio:9000/x", CLOCK.now() + 10) == PNG
        assert web.connected_addresses == [("10.0.0.7", 9000)]
        assert web.requests[0].headers["host"] == "minio:9000"


def test_redirect_from_https_to_allowed_http_host_is_blocked():
    policy = FetchPolicy.from_text("minio:9000")
    redirect = {"status": 302, "headers": {"location": "http://minio:9000/x"}, "body": ""}
    with FakeInternet(redirect, GOOD_RESPONSE) as web:
        assert fetch_outcome(web, policy) == "redirect_blocked"


@pytest.mark.parametrize(
    "location", ["\\\\b.test/x", "https://b.test/" + "a" * 4096, "https://b.test/\\x"]
)
def test_redirect_to_invalid_url_is_blocked(location):
    redirect = {"status": 302, "headers": {"location": location}, "body": ""}
    with FakeInternet(redirect) as web, pytest.raises(FetchError) as exc_info:
        make_fetcher(web).read(URL, CLOCK.now() + 10)
    assert (exc_info.value.code, exc_info.value.reason) == ("ssrf_blocked", "redirect_blocked")


def test_host_name_is_resolved_once_per_hop():
    names = ScriptedResolver({"*": [["8.8.8.8"]]})
    redirect = {"status": 307, "headers": {"location": "https://b.test/"}, "body": ""}
    with FakeInternet(redirect, GOOD_RESPONSE) as web:
        Fetcher(FetchPolicy(), CLOCK, resolve_name=names, open_connection=web.open_connection).read(
            URL, CLOCK.now() + 10
        )
    assert names.queries == ["a.test", "b.test"]


def test_literal_ip_address_is_not_resolved():
    with FakeInternet(GOOD_RESPONSE) as web:
        names = ScriptedResolver({})
        body = Fetcher(
            FetchPolicy(), CLOCK, resolve_name=names, open_connection=web.open_connection
        ).read("https://8.8.8.8/", CLOCK.now() + 10)
    assert (body, names.queries) == (PNG, [])


def test_real_connector_fetches_from_allowed_local_server():
    with Upstream() as upstream:
        upstream.files["/x.png"] = PNG
        policy = FetchPolicy.from_text(upstream.url.removeprefix("http://"))
        assert Fetcher(policy, CLOCK).read(f"{upstream.url}/x.png", CLOCK.now() + 5) == PNG


def test_local_server_without_allow_list_entry_is_rejected():
    port = unused_port()
    with pytest.raises(FetchError) as exc_info:
        Fetcher(FetchPolicy(schemes=("http",), ports=(port,)), CLOCK).read(
            f"http://127.0.0.1:{port}/", CLOCK.now() + 5
        )
    assert exc_info.value.reason == "address_not_public"


def test_closed_unknown_and_forbidden_hosts_give_the_same_public_error():
    errors = []
    for url, script in [
        (URL, {"connect_error": "ECONNREFUSED"}),
        (URL, {**GOOD_RESPONSE, "tls": "expired"}),
        ("https://unknown.test/", GOOD_RESPONSE),
        ("https://10.0.0.7/", GOOD_RESPONSE),
        ("https://localhost/", GOOD_RESPONSE),
        ("https://a.test:22/", GOOD_RESPONSE),
        ("http://a.test/", GOOD_RESPONSE),
    ]:
        with FakeInternet(script) as web, pytest.raises(FetchError) as exc_info:
            make_fetcher(web, dns_answers={"a.test": [["8.8.8.8"]]}).read(url, CLOCK.now() + 5)
        errors.append(exc_info.value)
    assert {(e.code, str(e), e.retryable) for e in errors} == {
        ("ssrf_blocked", MESSAGES["ssrf_blocked"], False)
    }
    assert len({e.reason for e in errors}) == 7
    assert [e.is_transient for e in errors] == [True, False, True, False, False, False, False]


def test_successful_fetch_logs_one_line_without_secrets():
    log: list[dict[str, Any]] = []
    redirect = {"status": 302, "headers": {"location": "https://b.test/y?sig=secret"}, "body": ""}
    with FakeInternet(redirect, GOOD_RESPONSE) as web:
        make_fetcher(web, log=log).read(URL, CLOCK.now() + 10)
    (line,) = log
    assert line.pop("ms") >= 0
    size = line.pop("bytes")
    assert size > 60
    assert line == {
        "event": "fetch",
        "verdict": "fetched",
        "reason": None,
        "host": "a.test",
        "last_host": "b.test",
        "address": "8.8.8.8",
        "hops": 1,
    }


def test_blocked_redirect_logs_its_target_host():
    log: list[dict[str, Any]] = []
    redirect = {"status": 302, "headers": {"location": "https://10.0.0.7/y?sig=secret"}, "body": ""}
    with FakeInternet(redirect) as web, pytest.raises(FetchError):
        make_fetcher(web, log=log).read(URL, CLOCK.now() + 10)
    assert [(x["verdict"], x["reason"], x["last_host"], x["address"]) for x in log] == [
        ("refused", "address_not_public", "10.0.0.7", "10.0.0.7")
    ]


def test_rejected_address_of_a_host_is_logged():
    log: list[dict[str, Any]] = []
    dns_answers = {"a.test": [["8.8.8.8", "10.0.0.7", "1.1.1.1"]]}
    with FakeInternet(GOOD_RESPONSE) as web, pytest.raises(FetchError):
        make_fetcher(web, dns_answers=dns_answers, log=log).read(URL, CLOCK.now() + 10)
    assert [(line["host"], line["address"]) for line in log] == [("a.test", "10.0.0.7")]
    assert web.connected_addresses == []


@pytest.mark.parametrize("url", ["https://user:secret@a.test/", "secret", "https://se cret/"])
def test_invalid_url_is_not_logged(url):
    log: list[dict[str, Any]] = []
    with FakeInternet(GOOD_RESPONSE) as web, pytest.raises(FetchError):
        make_fetcher(web, log=log).read(url, CLOCK.now() + 10)
    assert [line["host"] for line in log] == [None]
    assert "secret" not in str(log)


def test_fetch_closed_early_is_logged_as_left():
    log: list[dict[str, Any]] = []
    with FakeInternet(scripted_response("stream:endless")) as web:
        with make_fetcher(web, log=log).open(URL, CLOCK.now() + 10) as fetched:
            assert next(fetched.chunks).startswith(b"\x89PNG")
        with pytest.raises(FetchError):
            list(fetched.chunks)
        fetched.close()
    assert [line["verdict"] for line in log] == ["left"]


@pytest.mark.parametrize(
    "scripts",
    [
        [GOOD_RESPONSE],
        [scripted_response(status=404)],
        [scripted_response("no picture")],
        [scripted_response(status=302, location="/y"), GOOD_RESPONSE],
        [scripted_response(status=302, location="/y")],
        [scripted_response(status=302, location="https://10.0.0.7/")],
    ],
)
def test_every_connection_is_closed_after_fetch(scripts):
    with FakeInternet(*scripts) as web:
        fetch_outcome(web)
        assert [connection.inner.fileno() for connection in web.connections] == [-1] * len(
            web.connected_addresses
        )


def test_closing_fetch_early_closes_its_connection():
    with FakeInternet(scripted_response("stream:endless")) as web:
        with make_fetcher(web).open(URL, CLOCK.now() + 10):
            assert web.connections[0].inner.fileno() != -1
        assert web.connections[0].inner.fileno() == -1


def test_truncated_body_is_logged_once():
    log: list[dict[str, Any]] = []
    with (
        FakeInternet(raw_response("content-length: 5000", body=PNG)) as web,
        make_fetcher(web, log=log).open(URL, CLOCK.now() + 10) as fetched,
        pytest.raises(FetchError),
    ):
        list(fetched.chunks)
    assert [(line["verdict"], line["reason"], line["bytes"]) for line in log] == [
        ("failed", "truncated", len(PNG))
    ]


def test_second_fetch_opens_new_connection_and_sends_no_cookie():
    with FakeInternet(
        {**GOOD_RESPONSE, "headers": {"set-cookie": "a=b", "connection": "keep-alive"}}
    ) as web:
        reused_fetcher = make_fetcher(web)
        assert [reused_fetcher.read(URL, CLOCK.now() + 10) for _ in range(2)] == [PNG, PNG]
        assert len(web.connected_addresses) == 2
        assert "cookie" not in web.requests[1].headers
