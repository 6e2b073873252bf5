"""OpenAI's peculiarities: two bodies, events of many types, errors whose types nobody vouches for."""

import base64

import pytest

from retouch.errors import InvalidRequest
from retouch.messages import Job, Picture
from retouch.providers._gpt_image import URL_BYTES, body
from retouch.providers.openai import PROVIDER
from tests.contract.standins.openai import OpenAI
from tests.support.door import edit, png
from tests.support.house import build_house
from tests.support.pictures import b64, opened, photo
from tests.support.upstream import Answer, as_events, as_json

PHOTO = photo(64, 48)
PICTURE = b64(PHOTO)
PAGE = b64(b"<html>We are sorry.</html>")
COMPLETED = {"type": "image_edit.completed", "b64_json": PICTURE}
PARTIAL = {"type": "image_edit.partial_image", "b64_json": PICTURE, "partial_image_index": 0}


@pytest.fixture
def server():
    with OpenAI() as server:
        yield server


def buy(server, answer, **fields):
    server.failing = [answer]
    house = build_house(server.env(), providers=(PROVIDER,))
    fields = {"model": "openai/gpt-image-2", "prompt": "p", "image": png(PHOTO), **fields}
    return edit(fields, house=house)


def sizes(answer):
    return [opened(base64.b64decode(item["b64_json"])).size for item in answer.json["data"]]


def watched(answer):
    return [name for name, _ in answer.frames]


@pytest.mark.parametrize("broken", [None, 123, "", [], {}, PAGE, "no base64"])
def test_what_was_bought_is_delivered_though_another_is_broken(server, broken):
    answer = buy(server, as_json({"data": [{"b64_json": broken}, {"b64_json": PICTURE}]}), n="2")
    assert answer.status == 200
    assert sizes(answer) == [(64, 48)]


@pytest.mark.parametrize("broken", [None, 123, "", [], {}, PAGE, "no base64"])
def test_a_success_without_a_picture_is_none(server, broken):
    answer = buy(server, as_json({"data": [{"b64_json": broken}]}))
    assert (answer.status, answer.json["error"]["code"]) == (502, "no_image_returned")
    assert answer.headers["x-retouch-billed"] == "unknown"


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
def test_a_count_that_cannot_be_read_costs_no_picture(server, usage):
    facts = {"size": ["64x48"], "quality": 3, "background": None, "output_format": {}}
    answer = buy(server, as_json({"data": [{"b64_json": PICTURE}], "usage": usage, **facts}))
    assert answer.status == 200
    assert sizes(answer) == [(64, 48)]
    assert not facts.keys() & answer.json.keys()


@pytest.mark.parametrize(
    "other",
    [
        {"type": "keepalive"},
        {"type": None, "b64_json": None},
        {"type": "image_edit.thought", "b64_json": PICTURE},
        {"error": None, "type": "x"},
        {**PARTIAL, "b64_json": ["not a picture"]},
    ],
)
def test_events_of_other_types_are_passed_over(server, other):
    answer = buy(server, as_events(other, COMPLETED), stream="true")
    assert watched(answer) == ["image_edit.completed"]


@pytest.mark.parametrize("payload", [b"ping", b"[DONE]", b"null", b"[1]", b'"x"'])
def test_events_that_are_no_objects_are_passed_over(server, payload):
    answer = as_events(PARTIAL, COMPLETED)
    answer.pieces.insert(0, b"data: " + payload + b"\n\n")
    frames = watched(buy(server, answer, stream="true", partial_images="1"))
    assert frames == ["image_edit.partial_image", "image_edit.completed"]


@pytest.mark.parametrize(
    "events", [[], [PARTIAL], [{**COMPLETED, "b64_json": PAGE}], [{"type": "keepalive"}]]
)
def test_a_stream_without_a_picture_is_no_success(server, events):
    answer = buy(server, as_events(*events), stream="true", partial_images="1")
    said = answer.json["error"] if answer.frames is None else answer.frames[-1][1]["error"]
    assert said["code"] == "no_image_returned"


@pytest.mark.parametrize(
    "error", ["out of order", {"message": "out of order", "code": 7, "param": []}]
)
def test_a_failure_in_the_stream_is_told(server, error):
    answer = buy(server, as_events({"type": "error", "error": error}), stream="true")
    assert (answer.status, answer.json["error"]["message"]) == (502, "out of order")


def test_an_error_has_our_types_whatever_came(server):
    error = {"message": ["no", {"message": "never"}], "code": 123, "param": ["a"], "type": 5}
    said = buy(server, as_json({"error": error}, 400)).json["error"]
    assert said == {
        "message": "no; never",
        "type": "invalid_request_error",
        "param": None,
        "code": "provider_refused",
    }


@pytest.mark.parametrize("odd", [None, 5, [], {"violence": True}, [7, "violence"]])
def test_moderation_details_have_our_types(server, odd):
    details = {"moderation_stage": odd, "categories": odd, "more": 1}
    error = {"code": "moderation_blocked", "message": "no", "moderation_details": details}
    said = buy(server, as_json({"error": error}, 400)).json["error"]["moderation_details"]
    assert said["moderation_stage"] == "unknown"
    assert said["categories"] in ([], ["violence"])


def test_an_error_as_deep_as_a_well_is_an_error(server):
    deep = Answer(
        400, b'{"error":' + b"[" * 900 + b"]" * 900 + b"}", {"content-type": "application/json"}
    )
    answer = buy(server, deep)
    assert (answer.status, answer.json["error"]["code"]) == (400, "provider_refused")


def test_a_picture_too_long_for_text_is_refused_by_name():
    job = Job("gpt-image-2", "p", (picture(URL_BYTES + 1),), params={"moderation": "low"})
    with pytest.raises(InvalidRequest, match="leave 'moderation' out") as refused:
        body(job, {})
    assert (refused.value.param, refused.value.code) == ("image", "image_file_too_large")


def test_the_longest_picture_fits_into_text():
    job = Job("gpt-image-2", "p", (picture(URL_BYTES),), params={"moderation": "low"})
    (image,) = body(job, {})["json"]["images"]
    assert 20_971_520 - 1000 < len(image["image_url"]) <= 20_971_520


def picture(length):
    return Picture(bytes(length), "webp", 64, 48)
