"""Tests of the OpenAI adapter: two forms of request body, stream events of many types, error fields of any type."""

import base64

import pytest

from retouch.core.edit_types import EncodedImage
from retouch.core.errors import InvalidRequest
from retouch.core.provider_protocol import ProviderJob
from retouch.providers._shared.gpt_image import MAX_DATA_URL_BYTES, build_body
from retouch.providers.openai import PROVIDER
from tests.contract.standins.openai import OpenAIStandIn
from tests.support.gateway_client import file_part, post_edit
from tests.support.images import b64, decode_image, photo
from tests.support.services import build_services
from tests.support.upstream import ScriptedResponse, json_response, sse_response

PHOTO = photo(64, 48)
PHOTO_BASE64 = b64(PHOTO)
HTML_PAGE_BASE64 = b64(b"<html>We are sorry.</html>")
COMPLETED_EVENT = {"type": "image_edit.completed", "b64_json": PHOTO_BASE64}
PARTIAL_EVENT = {
    "type": "image_edit.partial_image",
    "b64_json": PHOTO_BASE64,
    "partial_image_index": 0,
}


@pytest.fixture
def server():
    with OpenAIStandIn() as server:
        yield server


def openai_edit(server, response, **fields):
    server.failure_responses = [response]
    services = build_services(server.env(), providers=(PROVIDER,))
    fields = {"model": "openai/gpt-image-2", "prompt": "p", "image": file_part(PHOTO), **fields}
    return post_edit(fields, services=services)


def image_sizes(response):
    return [decode_image(base64.b64decode(item["b64_json"])).size for item in response.json["data"]]


def event_names(response):
    return [name for name, _ in response.frames]


@pytest.mark.parametrize("broken", [None, 123, "", [], {}, HTML_PAGE_BASE64, "no base64"])
def test_valid_image_is_delivered_when_another_is_broken(server, broken):
    response = openai_edit(
        server, json_response({"data": [{"b64_json": broken}, {"b64_json": PHOTO_BASE64}]}), n="2"
    )
    assert response.status == 200
    assert image_sizes(response) == [(64, 48)]


@pytest.mark.parametrize("broken", [None, 123, "", [], {}, HTML_PAGE_BASE64, "no base64"])
def test_success_without_image_returns_no_image_returned(server, broken):
    response = openai_edit(server, json_response({"data": [{"b64_json": broken}]}))
    assert (response.status, response.json["error"]["code"]) == (502, "no_image_returned")
    assert response.headers["x-retouch-billed"] == "unknown"


@pytest.mark.parametrize(
    "usage",
    [
        None,
        [],
        "n/a",
        {"output_tokens": "n/a"},
        {"input_tokens": 10, "output_tokens": {"image_tokens": 5}},
        {"input_tokens": 10, "output_tokens": 5, "input_tokens_details": True},
    ],
)
def test_unreadable_usage_and_metadata_do_not_lose_image(server, usage):
    metadata = {"size": ["64x48"], "quality": 3, "background": None, "output_format": {}}
    response = openai_edit(
        server, json_response({"data": [{"b64_json": PHOTO_BASE64}], "usage": usage, **metadata})
    )
    assert response.status == 200
    assert image_sizes(response) == [(64, 48)]
    assert not metadata.keys() & response.json.keys()


@pytest.mark.parametrize(
    "other",
    [
        {"type": "keepalive"},
        {"type": None, "b64_json": None},
        {"type": "image_edit.thought", "b64_json": PHOTO_BASE64},
        {"error": None, "type": "x"},
        {**PARTIAL_EVENT, "b64_json": ["not a picture"]},
    ],
)
def test_stream_events_of_other_types_are_skipped(server, other):
    response = openai_edit(server, sse_response(other, COMPLETED_EVENT), stream="true")
    assert event_names(response) == ["image_edit.completed"]


@pytest.mark.parametrize("payload", [b"ping", b"[DONE]", b"null", b"[1]", b'"x"'])
def test_stream_events_that_are_no_objects_are_skipped(server, payload):
    response = sse_response(PARTIAL_EVENT, COMPLETED_EVENT)
    assert isinstance(response.chunks, list)
    response.chunks.insert(0, b"data: " + payload + b"\n\n")
    names = event_names(openai_edit(server, response, stream="true", partial_images="1"))
    assert names == ["image_edit.partial_image", "image_edit.completed"]


@pytest.mark.parametrize(
    "events",
    [
        [],
        [PARTIAL_EVENT],
        [{**COMPLETED_EVENT, "b64_json": HTML_PAGE_BASE64}],
        [{"type": "keepalive"}],
    ],
)
def test_stream_without_completed_image_returns_no_image_returned(server, events):
    response = openai_edit(server, sse_response(*events), stream="true", partial_images="1")
    error = response.json["error"] if response.frames is None else response.frames[-1][1]["error"]
    assert error["code"] == "no_image_returned"


@pytest.mark.parametrize(
    "error", ["out of order", {"message": "out of order", "code": 7, "param": []}]
)
def test_error_event_in_stream_becomes_502_with_its_message(server, error):
    response = openai_edit(server, sse_response({"type": "error", "error": error}), stream="true")
    assert (response.status, response.json["error"]["message"]) == (502, "out of order")


def test_error_fields_of_wrong_type_are_normalized(server):
    error = {"message": ["no", {"message": "never"}], "code": 123, "param": ["a"], "type": 5}
    returned_error = openai_edit(server, json_response({"error": error}, 400)).json["error"]
    assert returned_error == {
        "message": "no; never",
        "type": "invalid_request_error",
        "param": None,
        "code": "provider_refused",
    }


@pytest.mark.parametrize("odd", [None, 5, [], {"violence": True}, [7, "violence"]])
def test_moderation_details_of_wrong_type_are_normalized(server, odd):
    details = {"moderation_stage": odd, "categories": odd, "more": 1}
    error = {"code": "moderation_blocked", "message": "no", "moderation_details": details}
    returned_details = openai_edit(server, json_response({"error": error}, 400)).json["error"][
        "moderation_details"
    ]
    assert returned_details["moderation_stage"] == "unknown"
    assert returned_details["categories"] in ([], ["violence"])


def test_deeply_nested_error_becomes_provider_refused(server):
    nested_error = ScriptedResponse(
        400, b'{"error":' + b"[" * 900 + b"]" * 900 + b"}", {"content-type": "application/json"}
    )
    response = openai_edit(server, nested_error)
    assert (response.status, response.json["error"]["code"]) == (400, "provider_refused")


def test_image_over_data_url_limit_is_refused():
    job = ProviderJob(
        "gpt-image-2", "p", (image_of_bytes(MAX_DATA_URL_BYTES + 1),), params={"moderation": "low"}
    )
    with pytest.raises(InvalidRequest, match="leave 'moderation' out") as refused:
        build_body(job, {})
    assert (refused.value.param, refused.value.code) == ("image", "image_file_too_large")


def test_image_at_data_url_limit_is_sent():
    job = ProviderJob(
        "gpt-image-2", "p", (image_of_bytes(MAX_DATA_URL_BYTES),), params={"moderation": "low"}
    )
    (image,) = build_body(job, {})["json"]["images"]
    assert 20_971_520 - 1000 < len(image["image_url"]) <= 20_971_520


def image_of_bytes(length):
    return EncodedImage(bytes(length), "webp", 64, 48)
