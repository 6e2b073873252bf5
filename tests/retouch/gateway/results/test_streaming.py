"""Tests of streams with damaged images, through the handler and real sockets."""

import base64

import pytest

from tests.support.gateway_client import file_part, post_edit
from tests.support.images import b64, box_mask, decode_image, photo
from tests.support.unusual_results import png_with_wrong_checksum
from tests.support.upstream import Upstream, sse_response

DAMAGED = photo()[:200]
USAGE = {"input_tokens": 10, "output_tokens": 20, "total_tokens": 30}
FIELDS = {
    "model": "gpt-image-2",
    "prompt": "p",
    "stream": "true",
    "partial_images": "2",
    "image": file_part(photo()),
    "mask": file_part(box_mask()),
}


def partial(data, index=0):
    return {
        "type": "image_edit.partial_image",
        "b64_json": b64(data),
        "partial_image_index": index,
    }


def completed_event(data, usage=USAGE):
    return {"type": "image_edit.completed", "b64_json": b64(data), "usage": usage}


def stream_edit(*events, seconds=60.0, **fields):
    """Return the response of a streamed edit whose provider sends the events."""
    with Upstream(sse_response(*events)) as upstream:
        env = {"OPENAI_BASE_URL": upstream.url, "OPENAI_API_KEY": "k"}
        return post_edit({**FIELDS, **fields}, env, seconds=seconds)


def event_names(response):
    return [name.removeprefix("image_edit.") for name, _ in response.frames]


@pytest.mark.parametrize("damaged", [DAMAGED, png_with_wrong_checksum(), b"<html>", b""])
def test_damaged_preview_is_left_out_and_stream_goes_on(damaged):
    response = stream_edit(partial(damaged), partial(photo(), 1), completed_event(photo()))
    assert response.status == 200
    assert event_names(response) == ["partial_image", "completed"]
    assert response.frames[0][1]["partial_image_index"] == 1


def test_damaged_finished_image_does_not_end_the_stream():
    response = stream_edit(completed_event(DAMAGED), completed_event(photo()), n="2")
    ((name, payload),) = response.frames
    assert name == "image_edit.completed"
    assert "1 images before this one cannot be read" in payload["retouch"]["notes"]


@pytest.mark.parametrize("usage", [USAGE, None])
def test_cost_of_a_damaged_image_is_in_the_next_event(usage):
    good, damaged = completed_event(photo(), usage), completed_event(DAMAGED, usage)
    (_, alone), (_, both) = (
        stream_edit(good).frames[0],
        stream_edit(damaged, good, n="2").frames[0],
    )
    costs = [float(event["retouch"]["cost-usd"].split()[0]) for event in (alone, both)]
    assert costs[1] == pytest.approx(2 * costs[0])


def test_damaged_last_image_does_not_end_the_stream_with_an_error():
    response = stream_edit(completed_event(photo()), completed_event(DAMAGED), n="2")
    assert event_names(response) == ["completed"]


def test_stream_with_only_damaged_images_ends_with_the_last_one_and_a_note():
    response = stream_edit(partial(photo()), completed_event(DAMAGED))
    name, payload = response.frames[-1]
    assert name == "image_edit.completed"
    assert base64.b64decode(payload["b64_json"]) == DAMAGED
    assert "image_damaged" in payload["retouch"]["notes"]


def test_image_that_comes_at_the_deadline_is_unchanged_with_a_note(monkeypatch):
    monkeypatch.setattr("retouch.gateway.results.streaming.processing_seconds", lambda _: 1_000.0)
    result = photo(format="JPEG")
    response = stream_edit(partial(photo()), completed_event(result))
    ((_, payload),) = response.frames  # the preview is left out
    assert base64.b64decode(payload["b64_json"]) == result
    assert payload["retouch"]["preserved-pixels"] == "0"
    assert "unchanged from the provider, because no time was left" in payload["retouch"]["notes"]


def test_finished_image_is_restored_outside_the_mask():
    response = stream_edit(completed_event(photo()))
    payload = response.frames[0][1]
    assert int(payload["retouch"]["preserved-pixels"]) > 0
    assert decode_image(base64.b64decode(payload["b64_json"])).size == (64, 64)
