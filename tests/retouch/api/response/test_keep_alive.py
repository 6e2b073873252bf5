"""Tests of slow edits: the connection stays open, and the status is the real one for as long as possible."""

import base64
import json
from collections.abc import Generator
from math import inf
from threading import Event

import pytest

from retouch.api.handlers.edits import build_handler
from retouch.api.response.keep_alive import max_silence
from retouch.core.clock import SystemClock
from retouch.core.concurrency.heartbeat import add_heartbeats
from tests.support.events import form_event, lambda_context
from tests.support.gateway_client import file_part, parse_sse, telemetry
from tests.support.images import b64, photo
from tests.support.services import build_services
from tests.support.upstream import Upstream, json_response, sse_response

IMAGE = photo()
FIELDS = {"model": "gpt-image-2", "prompt": "p", "image": file_part(IMAGE)}


def start_edit(upstream, fields=FIELDS, **env):
    settings = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": upstream.url, **env}
    services = build_services(settings, SystemClock())
    handler = build_handler(services, lambda: None, telemetry())
    return handler(form_event(fields), lambda_context())


def send_to_slow_provider(provider_response, fields=FIELDS, **env):
    """Return the status and the body pieces of an edit whose provider responds after the second piece."""
    provider_response.may_start = Event()
    with Upstream(provider_response) as upstream:
        response = start_edit(upstream, fields, **env)
        body = response["body"]
        first_pieces = [next(body), next(body)]
        provider_response.may_start.set()
        pieces = [*first_pieces, *body]
        assert len(upstream.calls) == 1
    return response["statusCode"], pieces


IMAGE_BODY = {"created": 1, "data": [{"b64_json": b64(IMAGE)}]}
MODERATED_BODY = {"error": {"code": "moderation_blocked", "message": "no"}}


def test_response_in_time_has_its_own_status():
    with Upstream(json_response(MODERATED_BODY, 400)) as upstream:
        response = start_edit(upstream, RETOUCH_SILENCE_SECONDS="60")
    assert response["statusCode"] == 400
    assert json.loads(response["body"])["error"]["code"] == "moderation_blocked"


def test_late_response_starts_with_spaces_and_is_valid_json():
    status, pieces = send_to_slow_provider(json_response(IMAGE_BODY), RETOUCH_SILENCE_SECONDS="0.1")
    assert status == 200
    assert pieces[:2] == [b" ", b" "]
    response_body = json.loads(b"".join(pieces))
    assert base64.b64decode(response_body["data"][0]["b64_json"]) == IMAGE


def failure_document(pieces):
    """Return the error in the last line of the body. Fail when the body as a whole is JSON."""
    body = b"".join(pieces)
    with pytest.raises(ValueError, match="Expecting value"):
        json.loads(body)
    return json.loads(body.splitlines()[-1])


def test_late_failure_is_no_json_but_readable():
    status, pieces = send_to_slow_provider(
        json_response(MODERATED_BODY, 400), RETOUCH_SILENCE_SECONDS="0.1"
    )
    assert status == 200
    assert b"".join(pieces).strip().startswith(b"Error 400: no (")
    assert failure_document(pieces)["error"]["code"] == "moderation_blocked"


def test_late_failure_with_line_breaks_in_its_message_has_the_error_in_its_last_line():
    body = {"error": {"code": "moderation_blocked", "message": "one\ntwo\r\n\n{three}"}}
    _, pieces = send_to_slow_provider(json_response(body, 400), RETOUCH_SILENCE_SECONDS="0.1")
    assert b"Error 400: one two {three} (" in b"".join(pieces)
    assert failure_document(pieces)["error"]["code"] == "moderation_blocked"


def test_slow_stream_sends_keep_alive_comments():
    done = {"type": "image_edit.completed", "b64_json": b64(IMAGE)}
    status, pieces = send_to_slow_provider(
        sse_response(done), {**FIELDS, "stream": "true"}, RETOUCH_HEARTBEAT_SECONDS="0.1"
    )
    assert status == 200
    assert pieces[:2] == [b": keep-alive\n\n"] * 2
    assert [name for name, _ in parse_sse(pieces[-1])] == ["image_edit.completed"]


def test_late_failure_of_stream_is_an_error_event():
    fields = {**FIELDS, "stream": "true"}
    status, pieces = send_to_slow_provider(
        json_response(MODERATED_BODY, 400), fields, RETOUCH_HEARTBEAT_SECONDS="0.1"
    )
    assert status == 200
    assert parse_sse(pieces[-1])[0][0] == "error"


def raise_error(*_, **__):
    raise RuntimeError("secret detail")


def test_late_unexpected_error_has_error_envelope(monkeypatch, capsys):
    monkeypatch.setattr("retouch.gateway.target_stages.postprocess_all", raise_error)
    status, pieces = send_to_slow_provider(json_response(IMAGE_BODY), RETOUCH_SILENCE_SECONDS="0.1")
    assert status == 200
    assert failure_document(pieces)["error"]["code"] == "internal_error"
    assert "secret detail" not in str(pieces)
    assert "secret detail" in capsys.readouterr().out


def test_unexpected_error_in_stream_is_an_error_event(monkeypatch):
    monkeypatch.setattr("retouch.gateway.results.streaming.postprocess", raise_error)
    fields = {**FIELDS, "stream": "true"}
    done = {"type": "image_edit.completed", "b64_json": b64(IMAGE)}
    _, pieces = send_to_slow_provider(sse_response(done), fields, RETOUCH_HEARTBEAT_SECONDS="0.1")
    assert parse_sse(pieces[-1])[0][1]["error"]["code"] == "internal_error"


def request_log_and_metrics(capsys):
    """Return the log line of the request and the metrics."""
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line[:1] == "{"]
    (line,) = [entry for entry in lines if entry.get("message") == "request"]
    return line, [entry for entry in lines if "_aws" in entry]


def test_late_response_has_header_metadata_in_its_body():
    _, pieces = send_to_slow_provider(json_response(IMAGE_BODY), RETOUCH_SILENCE_SECONDS="0.1")
    metadata = json.loads(b"".join(pieces))["retouch"]
    assert (metadata["status"], metadata["billed"], metadata["model"]) == (
        200,
        "yes",
        "openai/gpt-image-2",
    )
    assert metadata["cost-usd"].endswith("estimated")


def test_late_failure_is_logged_with_its_real_status(capsys):
    _, pieces = send_to_slow_provider(
        json_response({"error": {}}, 500), RETOUCH_SILENCE_SECONDS="0.1"
    )
    metadata = failure_document(pieces)["retouch"]
    assert (metadata["status"], metadata["billed"]) == (502, "unknown")
    line, metrics = request_log_and_metrics(capsys)
    assert (line["status"], line["error"], line["blame"]) == (502, "provider_error", "provider")
    assert line["billed"] == "unknown"
    assert line["ms"] > 150
    assert [entry["EditErrors"] for entry in metrics] == [[1.0]]


def test_late_success_is_logged_with_billing(capsys):
    send_to_slow_provider(json_response(IMAGE_BODY), RETOUCH_SILENCE_SECONDS="0.1")
    line, metrics = request_log_and_metrics(capsys)
    assert (line["status"], line["provider"], line["delivered"]) == (200, "openai", 1)
    assert (line["billed"], line["cost_usd"]) == ("yes", "0.053 estimated")
    assert [entry["EditRequests"] for entry in metrics] == [[1.0]]
    assert [entry["EditLatency"] for entry in metrics] == [[pytest.approx(line["ms"], abs=0.1)]]
    assert line["ms"] > 150


def test_failed_stream_is_logged_as_failure(capsys):
    fields = {**FIELDS, "stream": "true"}
    _, pieces = send_to_slow_provider(
        json_response(MODERATED_BODY, 400), fields, RETOUCH_HEARTBEAT_SECONDS="0.1"
    )
    metadata = parse_sse(pieces[-1])[0][1]["retouch"]
    assert (metadata["status"], metadata["billed"]) == (400, "unknown")
    line, metrics = request_log_and_metrics(capsys)
    assert (line["status"], line["error"]) == (400, "moderation_blocked")
    assert [entry["EditErrors"] for entry in metrics] == [[1.0]]


def test_abandoned_stream_is_logged(capsys):
    fields = {**FIELDS, "stream": "true"}
    done = sse_response({"type": "image_edit.completed", "b64_json": b64(IMAGE)})
    done.may_start = Event()
    with Upstream(done) as upstream:
        body = start_edit(upstream, fields, RETOUCH_HEARTBEAT_SECONDS="0.1")["body"]
        assert next(body) == b": keep-alive\n\n"
        done.may_start.set()
        body.close()
    line, _ = request_log_and_metrics(capsys)
    assert (line["status"], line["left"]) == (200, True)


def test_abandoned_late_response_is_logged_as_possibly_billed(capsys):
    done = json_response(IMAGE_BODY)
    done.may_start = Event()
    with Upstream(done) as upstream:
        body = start_edit(upstream, RETOUCH_SILENCE_SECONDS="0.1")["body"]
        assert next(body) == b" "
        done.may_start.set()
        body.close()
    line, _ = request_log_and_metrics(capsys)
    assert (line["status"], line["left"], line["billed"]) == (200, True, "unknown")


@pytest.mark.parametrize(
    ("headers", "silence", "seconds"),
    [
        ({}, 0.0, inf),
        ({}, 240.0, 240.0),
        ({"x-stainless-read-timeout": "2.0"}, 240.0, 1.5),
        ({"x-stainless-read-timeout": "4"}, 240.0, 3.0),
        ({"x-stainless-read-timeout": "60"}, 240.0, 50.0),
        ({"x-stainless-read-timeout": "245"}, 240.0, 235.0),
        ({"x-stainless-read-timeout": "9", "x-stainless-timeout": "4"}, 240.0, 3.0),
        ({"x-stainless-read-timeout": "600"}, 240.0, 240.0),
        ({"x-stainless-read-timeout": "600"}, 0.0, 590.0),
        ({"x-stainless-timeout": "10"}, 0.0, 7.5),
        ({"x-stainless-timeout": "0"}, 0.0, 0.1),
        ({"x-stainless-read-timeout": "NOT_GIVEN"}, 0.0, inf),
        ({"x-stainless-read-timeout": "-1"}, 240.0, 240.0),
        ({"x-stainless-read-timeout": "1e9"}, 240.0, 240.0),
    ],
)
def test_max_silence_follows_client_timeout_headers(headers, silence, seconds):
    assert max_silence(headers, silence) == seconds


def test_abandoned_iterator_is_closed_at_its_next_item():
    go, closed, continued = Event(), Event(), Event()

    def work():
        try:
            yield 1
            go.wait(20)
            yield 2
            continued.set()
        finally:
            closed.set()

    items = add_heartbeats(work(), 1.0)
    assert isinstance(items, Generator)
    assert next(items) == 1
    items.close()
    go.set()
    assert closed.wait(20)
    assert not continued.is_set()


def test_heartbeat_iterator_passes_errors_on():
    def yield_and_fail():
        yield 1
        raise ValueError("broken")

    items = add_heartbeats(yield_and_fail(), 1.0)
    assert next(items) == 1
    with pytest.raises(ValueError, match="broken"):
        next(items)
