"""Tests of whole images in unusual responses of OpenAI-compatible servers: other forms, and errors after the image."""

import json
from typing import Any

import pytest

from retouch.providers.openai import PROVIDER
from tests.contract.standins.openai import OpenAIStandIn
from tests.support.gateway_client import file_part, post_edit
from tests.support.images import b64, photo
from tests.support.services import FakeClock, build_services
from tests.support.upstream import ScriptedResponse, json_response, sse_response

IMAGE = photo(64, 48)
B64 = b64(IMAGE)
DATA_URL = f"data:image/png;base64,{B64}"
COMPLETED = {"type": "image_edit.completed", "b64_json": B64, "usage": {"total_tokens": 3}}
PREVIEW = {"type": "image_edit.partial_image", "b64_json": B64, "partial_image_index": 0}
WORDS = "the engine is on fire"
ERROR_EVENTS: dict[str, dict[str, Any]] = {
    "nested": {"type": "error", "error": {"message": WORDS, "code": "server_error"}},
    "flat": {"type": "error", "message": WORDS, "code": "server_error"},
    "text": {"type": "error", "error": WORDS},
    "without type": {"error": {"message": WORDS}},
    "response.failed": {
        "type": "response.failed",
        "response": {"status": "failed", "error": {"code": "server_error", "message": WORDS}},
    },
    "image_edit.failed": {"type": "image_edit.failed", "message": WORDS},
}


@pytest.fixture
def server():
    with OpenAIStandIn() as server:
        yield server


def openai_edit(server, response, **fields):
    server.failure_responses = [response]
    services = build_services(server.env(), FakeClock(), providers=(PROVIDER,))
    fields = {"model": "openai/gpt-image-2", "prompt": "p", "image": file_part(IMAGE), **fields}
    return post_edit(fields, services=services)


def images(response):
    return [item["b64_json"] for item in response.json["data"]]


def events(response):
    return [(name, payload.get("b64_json")) for name, payload in response.frames]


@pytest.mark.parametrize(
    "item",
    [
        {"b64_json": DATA_URL},
        {"b64_json": DATA_URL.replace("data:image/png", "DATA:image/png;charset=utf-8")},
        {"b64_json": f"data:;base64,{B64}"},
        {
            "b64_json": DATA_URL.replace("+", "%2B")
            .replace("/", "%2F")
            .replace("image%2Fpng", "image/png")
        },
        {"url": DATA_URL},
        {"url": B64},
        {"b64_json": None, "url": DATA_URL},
        {"b64_json": "", "url": DATA_URL},
    ],
)
def test_image_in_a_data_url_is_delivered_as_bare_base64(server, item):
    response = openai_edit(server, json_response({"created": 1, "data": [item]}))
    assert images(response) == [B64]
    assert len(server.received) == 1


def test_all_images_of_a_response_inside_an_envelope_are_delivered(server):
    document = {"created": 1, "data": [{"b64_json": B64}, {"b64_json": B64}]}
    envelope = {"code": 0, "msg": "success", "data": document}
    assert images(openai_edit(server, json_response(envelope), n="2")) == [B64, B64]


@pytest.mark.parametrize("value", ["data:text/html;base64,PGh0bWw+", "data:image/png,abc", "data:"])
def test_data_url_without_an_image_is_not_delivered(server, value):
    response = openai_edit(server, json_response({"data": [{"b64_json": value}]}))
    assert (response.status, response.json["error"]["code"]) == (502, "no_image_returned")


@pytest.mark.parametrize("headers", [{}, {"content-type": "text/event-stream"}])
@pytest.mark.parametrize(
    "events", [[COMPLETED], [PREVIEW, COMPLETED], [{"type": "keepalive"}, COMPLETED]]
)
def test_event_stream_in_place_of_json_is_delivered(server, headers, events):
    body = b"".join(b"data: %b\n\n" % json.dumps(event).encode() for event in events)
    response = openai_edit(server, ScriptedResponse(200, body, headers))
    assert images(response) == [B64]
    assert response.json["usage"] == {"total_tokens": 3}


@pytest.mark.parametrize("stream", ["true", "false"])
@pytest.mark.parametrize("type", [{"type": "image_edit.done"}, {"type": "image_generation"}, {}])
def test_image_in_an_event_of_an_unknown_type_is_delivered(server, type, stream):
    preview = {"b64_json": b64(photo(80, 48)), "partial_image_index": 0}
    sent = [preview, {"b64_json": b64(photo(72, 48)), **type}]
    body = b"".join(b"data: %b\n\n" % json.dumps(event).encode() for event in sent)
    headers = {"content-type": "text/event-stream"}
    response = openai_edit(server, ScriptedResponse(200, body, headers), stream=stream)
    if stream == "true":
        assert events(response) == [("image_edit.completed", b64(photo(72, 48)))]
    else:
        assert images(response) == [b64(photo(72, 48))]


def test_json_document_in_an_event_stream_is_delivered(server):
    body = b"data: %b\n\n" % json.dumps({"created": 1, "data": [{"b64_json": B64}]}).encode()
    assert images(openai_edit(server, ScriptedResponse(200, body))) == [B64]


def test_completed_event_with_a_url_is_downloaded(server):
    server.result_host.files["/r.png"] = IMAGE
    url = f"{server.url}/r.png"
    stream = sse_response({"type": "image_edit.completed", "url": url})
    server.failure_responses = [stream, ScriptedResponse(200, IMAGE)]
    services = build_services(server.env(), FakeClock(), providers=(PROVIDER,))
    fields = {"model": "openai/gpt-image-2", "prompt": "p", "image": file_part(IMAGE)}
    response = post_edit({**fields, "stream": "true"}, services=services)
    assert events(response) == [("image_edit.completed", B64)]


@pytest.mark.parametrize("headers", [{}, {"content-type": "text/event-stream"}])
def test_json_in_place_of_an_event_stream_is_streamed(server, headers):
    body = json.dumps({"created": 1, "data": [{"b64_json": B64}]}).encode()
    response = openai_edit(server, ScriptedResponse(200, body, headers), stream="true")
    assert events(response) == [("image_edit.completed", B64)]


@pytest.mark.parametrize("stream", ["true", "false"])
@pytest.mark.parametrize("error", ERROR_EVENTS)
def test_error_event_has_the_words_of_the_provider(server, error, stream):
    response = openai_edit(server, sse_response(ERROR_EVENTS[error]), stream=stream)
    assert (response.status, response.json["error"]["message"]) == (502, WORDS)
    assert response.headers["x-retouch-billed"] == "unknown"
    assert response.headers["x-should-retry"] == "false"


@pytest.mark.parametrize("event", [{"code": "moderation_blocked", "message": "no hats"}])
def test_flat_moderation_event_is_a_refusal(server, event):
    response = openai_edit(server, sse_response({"type": "error", **event}), stream="true")
    assert (response.status, response.json["error"]["code"]) == (400, "moderation_blocked")


def test_plain_text_of_an_error_event_is_reported(server):
    body = f"event: error\ndata: {WORDS}\n\n".encode()
    stream = ScriptedResponse(headers={"content-type": "text/event-stream"}, chunks=[body])
    response = openai_edit(server, stream, stream="true")
    assert (response.status, response.json["error"]["message"]) == (502, WORDS)


@pytest.mark.parametrize("error", ERROR_EVENTS)
def test_stream_ends_well_when_an_error_follows_the_last_image(server, error):
    response = openai_edit(server, sse_response(COMPLETED, ERROR_EVENTS[error]), stream="true")
    assert events(response) == [("image_edit.completed", B64)]


def test_stream_ends_well_when_the_connection_breaks_after_the_last_image(server):
    broken = sse_response(COMPLETED)
    broken.network_failure = "cut"
    response = openai_edit(server, broken, stream="true")
    assert events(response) == [("image_edit.completed", B64)]


@pytest.mark.parametrize("error", ERROR_EVENTS)
def test_image_before_an_error_event_is_delivered_as_json(server, error):
    response = openai_edit(server, sse_response(COMPLETED, ERROR_EVENTS[error]))
    assert images(response) == [B64]


def test_first_of_two_images_is_delivered_with_a_note_about_the_error(server):
    response = openai_edit(server, sse_response(COMPLETED, ERROR_EVENTS["flat"]), n="2")
    assert images(response) == [B64]
    assert f"n: 1 of 2 images, the rest failed: {WORDS}" in response.headers["x-retouch-notes"]
    assert response.headers["x-retouch-billed"] == "yes"


def test_error_between_two_streamed_images_is_the_last_event(server):
    stream = sse_response(COMPLETED, ERROR_EVENTS["flat"])
    response = openai_edit(server, stream, stream="true", n="2")
    assert [name for name, _ in response.frames] == ["image_edit.completed", "error"]


@pytest.mark.parametrize("data", [{}, {"data": None}, {"data": []}])
def test_success_with_an_error_object_has_the_words_of_the_provider(server, data):
    error = {"message": "no hats", "code": "moderation_blocked"}
    response = openai_edit(server, json_response({"created": 0, **data, "error": error}))
    assert (response.status, response.json["error"]["message"]) == (400, "no hats")
    assert response.headers["x-retouch-billed"] == "unknown"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            {"detail": [{"loc": ["body", "image"], "msg": "Field required"}]},
            "body.image: Field required",
        ),
        ({"message": "prompt too long", "code": 40001}, "prompt too long"),
    ],
)
def test_error_without_an_error_object_has_the_words_of_the_provider(server, body, words):
    response = openai_edit(server, json_response(body, 422))
    assert (response.status, response.json["error"]["message"]) == (422, words)


@pytest.mark.parametrize(
    ("body", "content_type", "message"),
    [
        (b"Request Entity Too Large\n", "text/plain", "Request Entity Too Large"),
        (b"Request Entity Too Large", "Text/Plain; charset=utf-8", "Request Entity Too Large"),
        (b"<html>no</html>", "text/html", "OpenAI responded with 413: no"),
        (b"<html>no</html>", "text/plain", "OpenAI responded with 413: no"),
        (b'{"error": "no', "text/plain", "OpenAI responded with 413."),
        (b"", "text/plain", "OpenAI responded with 413."),
    ],
)
def test_plain_text_of_an_error_is_its_message(server, body, content_type, message):
    response = openai_edit(server, ScriptedResponse(413, body, {"content-type": content_type}))
    assert (response.status, response.json["error"]["message"]) == (413, message)
