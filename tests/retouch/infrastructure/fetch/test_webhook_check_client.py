"""Tests of webhooks over real sockets: the request, its signature, and every failure."""

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping
from typing import Any

import pytest

from devserver.ports import unused_port
from retouch.core.clock import SystemClock
from retouch.core.url_policy.policy import FetchPolicy
from retouch.gateway.guardrails.config import read_guardrails
from retouch.gateway.guardrails.runner import run_hooks
from retouch.gateway.guardrails.types import (
    CheckError,
    GuardrailClients,
    GuardrailInput,
    WebhookCheckRequest,
)
from retouch.infrastructure.fetch.webhook_check_client import WebhookCheckClient
from tests.support.fake_internet import FakeInternet, ScriptedResolver
from tests.support.raw_http import RawServer
from tests.support.upstream import ScriptedResponse, Upstream, json_response

KEY = bytes(range(32))
ALLOW = json_response({"verdict": True})
CLOCK = SystemClock()
NO_VERDICT = "The webhook gave no verdict within"


def build_client(server, **options):
    """Return a webhook client that may contact the server, as with RETOUCH_WEBHOOK_ALLOW."""
    return WebhookCheckClient(
        FetchPolicy.from_text(server.url.removeprefix("http://")), CLOCK, **options
    )


def webhook_request(server, **options):
    return WebhookCheckRequest(
        **{"url": f"{server.url}/judge?a=b", "body": b'{"a":1}', "timeout_seconds": 3, **options}
    )


def has_valid_signature(received, key):
    """Return whether the signature is valid, checked as the Standard Webhooks specification says."""
    message_id, timestamp = received.headers["webhook-id"], received.headers["webhook-timestamp"]
    content = b".".join([message_id.encode(), timestamp.encode(), received.body])
    digest = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    version, signature = received.headers["webhook-signature"].split(",")
    is_recent = abs(time.time() - int(timestamp)) < 60
    return (
        version == "v1"
        and hmac.compare_digest(signature, digest)
        and is_recent
        and "." not in message_id
    )


def test_webhook_request_arrives_signed():
    with Upstream(ALLOW) as server:
        response = build_client(server)(
            webhook_request(server, signing_key=KEY, headers={"Authorization": "Bearer t"})
        )
    (received,) = server.received
    assert response == b'{"verdict": true}'
    assert (received.method, received.path, received.query) == ("POST", "/judge", {"a": "b"})
    assert received.body == b'{"a":1}'
    assert received.headers["content-type"] == "application/json"
    assert received.headers["authorization"] == "Bearer t"
    assert received.headers["host"] == server.url.removeprefix("http://")
    assert has_valid_signature(received, KEY)


def test_signature_is_invalid_for_another_body_key_or_id():
    with Upstream(ALLOW) as server:
        send_webhook = build_client(server)
        send_webhook(webhook_request(server, signing_key=KEY))
        send_webhook(webhook_request(server, signing_key=KEY))
    first, second = server.received
    assert first.headers["webhook-id"] != second.headers["webhook-id"]
    assert not has_valid_signature(first, bytes(32))
    first.body += b" "
    assert not has_valid_signature(first, KEY)


def test_webhook_request_without_key_is_unsigned():
    with Upstream(ALLOW) as server:
        build_client(server)(webhook_request(server))
    assert "webhook-signature" not in server.received[0].headers
    assert server.received[0].headers["webhook-id"]


@pytest.mark.parametrize(
    ("response", "message"),
    [
        (json_response({"verdict": True}, status=500), "status 200"),
        (json_response({"verdict": True}, status=201), "status 200"),
        (ScriptedResponse(302, headers={"location": "/elsewhere"}), "status 200"),
        (ScriptedResponse(200, b" " * 65_537), "larger than 65536 bytes"),
        (ScriptedResponse(chunks=[b" " * 16_384] * 5), "larger than 65536 bytes"),
        (ScriptedResponse(200, b'{"verdict": true}', {"content-encoding": "gzip"}), NO_VERDICT),
        (ScriptedResponse(200, b'{"verdict": true}', network_failure="cut"), NO_VERDICT),
        (ScriptedResponse(network_failure="reset"), NO_VERDICT),
    ],
)
def test_unusable_response_raises_check_error_without_retry(response, message):
    with Upstream(response) as server, pytest.raises(CheckError) as exc_info:
        build_client(server)(webhook_request(server))
    assert message in str(exc_info.value)
    assert len(server.received) == 1  # the client followed no redirect and did not retry


def test_response_shorter_than_content_length_raises_check_error():
    body = b'{"verdict": true}'
    with FakeInternet({"raw": b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n" + body}) as web:
        send_webhook = WebhookCheckClient(
            FetchPolicy(),
            CLOCK,
            resolve_name=ScriptedResolver({"*": [["8.8.8.8"]]}),
            open_connection=web.open_connection,
        )
        with pytest.raises(CheckError, match=NO_VERDICT):
            send_webhook(WebhookCheckRequest("https://a.test/x", b"{}", 3))


def test_interim_responses_are_skipped():
    interim = b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"
    verdict = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
    with RawServer([interim + verdict], closes=True) as server:
        assert build_client(server)(webhook_request(server)) == b"{}"


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (None, "truncated"),
        (b"SSH-2.0\r\n", "bad_answer"),
        (b"HTTP/1.1 200 OK\r\nx: " + b"a" * 70_000, "header_too_large"),
    ],
)
def test_failure_of_a_post_has_the_reason_that_a_fetch_has(reply, reason):
    log: list[Mapping[str, Any]] = []
    with RawServer([reply], closes=True) as server, pytest.raises(CheckError, match=NO_VERDICT):
        build_client(server, log=log.append)(webhook_request(server))
    assert [line["reason"] for line in log] == [reason]


def test_response_at_size_limit_is_accepted():
    with Upstream(ScriptedResponse(200, b" " * 65_536)) as server:
        assert len(build_client(server)(webhook_request(server))) == 65_536


@pytest.mark.parametrize(
    "response",
    [
        ScriptedResponse(network_failure="hang"),
        ScriptedResponse(chunks=[b" "] * 1000, chunk_interval=0.05),
    ],
    ids=["silent", "dripping"],
)
def test_silent_or_dripping_server_raises_check_error_at_timeout(response):
    lines: list[Mapping[str, Any]] = []
    started = time.monotonic()
    with Upstream(response) as server:
        with pytest.raises(CheckError, match=r"no verdict within 0\.3 seconds"):
            build_client(server, log=lines.append)(webhook_request(server, timeout_seconds=0.3))
        assert 0.25 < time.monotonic() - started < 20  # all pieces together take 50 seconds
    assert lines[0]["reason"] == "timeout"


def test_unresolved_host_name_raises_check_error_at_timeout():
    def resolve_until_timeout(name, seconds):
        timeouts.append(seconds)
        time.sleep(seconds)
        raise TimeoutError

    timeouts: list[float] = []
    with pytest.raises(CheckError, match=NO_VERDICT):
        WebhookCheckClient(FetchPolicy(), CLOCK, resolve_name=resolve_until_timeout)(
            WebhookCheckRequest("https://a.test/x", b"{}", 0.2)
        )
    assert 0 < timeouts[0] <= 0.2


@pytest.mark.parametrize(
    ("url", "addresses", "reason"),
    [
        ("http://127.0.0.1:{port}/x", [], "scheme_not_allowed"),
        ("https://127.0.0.1:{port}/x", [], "port_not_allowed"),
        ("https://127.0.0.1/x", [], "address_not_public"),
        ("https://169.254.169.254/latest", [], "address_not_public"),
        ("https://[::1]/x", [], "address_not_public"),
        ("https://metadata.internal/x", ["8.8.8.8"], "host_not_allowed"),
        ("https://a.test/x", ["10.0.0.7"], "address_not_public"),
        ("https://a.test/x", ["8.8.8.8", "127.0.0.1"], "address_not_public"),
    ],
)
def test_non_public_url_is_not_contacted_and_gives_generic_error(url, addresses, reason):
    lines: list[Mapping[str, Any]] = []
    with FakeInternet() as web:
        names = ScriptedResolver({"*": [addresses]})
        send_webhook = WebhookCheckClient(
            FetchPolicy(),
            CLOCK,
            resolve_name=names,
            open_connection=web.open_connection,
            log=lines.append,
        )
        with pytest.raises(CheckError) as exc_info:
            send_webhook(WebhookCheckRequest(url.format(port=web.port), b"{}", 3))
        assert (web.connected_addresses, web.requests) == ([], [])
    assert str(exc_info.value) == f"{NO_VERDICT} 3 seconds, or cannot be reached."
    assert [line["reason"] for line in lines] == [reason]


def test_deadline_shortens_the_timeout():
    with Upstream(ScriptedResponse(network_failure="hang")) as server:
        request = webhook_request(server, deadline=CLOCK.now() + 0.5)
        with pytest.raises(CheckError, match=r"no verdict within 0\.\d+ seconds"):
            build_client(server)(request)


def test_webhook_after_the_deadline_is_not_called():
    with Upstream(ALLOW) as server:
        with pytest.raises(CheckError) as exc_info:
            build_client(server)(webhook_request(server, deadline=CLOCK.now() - 1))
        assert server.received == []
    assert str(exc_info.value) == "The webhook timed out: the edit left no time for it."


def test_deadline_does_not_make_two_requests_different():
    server = type("Server", (), {"url": "http://a.test"})
    assert webhook_request(server, deadline=1.0) == webhook_request(server, deadline=2.0)


def test_closed_port_gives_generic_error():
    server = type("Closed", (), {"url": f"http://127.0.0.1:{unused_port()}"})
    with pytest.raises(CheckError) as exc_info:
        build_client(server)(webhook_request(server))
    assert str(exc_info.value) == f"{NO_VERDICT} 3 seconds, or cannot be reached."


def test_checked_address_is_dialled_with_host_name_certificate():
    response = {"status": 200, "body": '{"verdict": true}'}
    with FakeInternet(response) as web:
        names = ScriptedResolver({"a.test": [["8.8.8.8"], ["127.0.0.1"]]})
        send_webhook = WebhookCheckClient(
            FetchPolicy(), CLOCK, resolve_name=names, open_connection=web.open_connection
        )
        assert (
            send_webhook(WebhookCheckRequest("https://a.test/x", b"{}", 3)) == b'{"verdict": true}'
        )
    assert web.connected_addresses == [("8.8.8.8", 443)]
    assert names.queries == ["a.test"]
    assert web.requests[0].server_name == "a.test"


def test_certificate_for_another_name_raises_check_error():
    with FakeInternet({"status": 200, "body": "{}", "tls": "other_name"}) as web:
        send_webhook = WebhookCheckClient(
            FetchPolicy(),
            CLOCK,
            resolve_name=ScriptedResolver({"*": [["8.8.8.8"]]}),
            open_connection=web.open_connection,
        )
        with pytest.raises(CheckError, match=NO_VERDICT):
            send_webhook(WebhookCheckRequest("https://a.test/x", b"{}", 3))
        assert web.requests == []


def test_unreachable_address_falls_back_to_next_address():
    with FakeInternet({"connect_error": "ECONNREFUSED"}, {"status": 200, "body": "{}"}) as web:
        names = ScriptedResolver({"*": [["8.8.8.8", "1.1.1.1"]]})
        send_webhook = WebhookCheckClient(
            FetchPolicy(), CLOCK, resolve_name=names, open_connection=web.open_connection
        )
        assert send_webhook(WebhookCheckRequest("https://a.test/x", b"{}", 3)) == b"{}"
    assert [address for address, _ in web.connected_addresses] == ["8.8.8.8", "1.1.1.1"]


def test_log_line_names_host_without_path():
    lines: list[Mapping[str, Any]] = []
    with Upstream(ALLOW) as server:
        build_client(server, log=lines.append)(webhook_request(server))
    (line,) = lines
    assert (line["event"], line["host"], line["reason"]) == ("webhook", "127.0.0.1", None)
    assert "judge" not in str(line)


def test_config_with_failing_webhook_denies_request():
    with Upstream(json_response({"verdict": False, "data": {"why": "no skies"}})) as server:
        secret = "whsec_" + base64.b64encode(KEY).decode()
        check = {"webhookURL": f"{server.url}/judge", "secret": secret}
        hooks = read_guardrails(
            {"input_guardrails": [{"default.webhook": check, "deny": True}]}
        ).before
        clients = GuardrailClients(build_client(server), lambda review: {}, CLOCK)
        report = run_hooks(hooks, GuardrailInput("Make the sky blue"), clients)
    assert report.denied
    assert report.results[0]["checks"][0]["data"]["responseData"] == {"why": "no skies"}
    assert has_valid_signature(server.received[0], KEY)
    assert server.received[0].json()["request"]["text"] == "Make the sky blue"
