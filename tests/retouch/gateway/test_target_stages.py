"""Tests of what a failed attempt leaves behind, and of attempts with too little time."""

import gc
import json

import pytest

from tests.support.gateway_client import file_part, post_edit
from tests.support.images import b64, box_mask, encode_image, photo, scene
from tests.support.services import FakeClock, InMemoryCache, build_services
from tests.support.upstream import Upstream, json_response, sse_response

IMAGE_RESPONSE = json_response({"created": 1, "data": [{"b64_json": b64(photo())}]})
PARTIAL = {
    "type": "image_edit.partial_image",
    "b64_json": b64(photo()),
    "created_at": 1,
    "output_format": "png",
    "partial_image_index": 0,
}
FIELDS = {"prompt": "p", "image": file_part(photo()), "model": "gpt-image-2"}


def test_edit_after_failed_streams_does_not_reuse_dead_connection():
    failing_stream = sse_response(PARTIAL, {"type": "error", "error": {"message": "boom"}})
    with Upstream(failing_stream) as upstream:
        services = build_services({"OPENAI_BASE_URL": upstream.url, "OPENAI_API_KEY": "k"})
        gc.disable()
        try:
            for _ in range(3):
                response = post_edit(
                    {**FIELDS, "stream": "true", "partial_images": "1"}, services=services
                )
                assert response.frames[-1][0] == "error"
        finally:
            gc.enable()
        gc.collect()
        upstream.responses = [IMAGE_RESPONSE]
        assert post_edit(FIELDS, services=services).status == 200


SMALL_BOX = {"shapes": [{"type": "box", "x": 9, "y": 9, "width": 9, "height": 9}]}


@pytest.mark.parametrize(
    ("seconds", "fields", "status"),
    [
        (5.5, {}, 200),
        (4.0, {}, 504),
        (5.5, {"mask": json.dumps(SMALL_BOX), "preserve": "true"}, 504),
        (9.0, {"mask": json.dumps(SMALL_BOX), "preserve": "true"}, 200),
    ],
)
def test_edit_that_cannot_end_in_time_is_refused_before_the_call(seconds, fields, status):
    """A call takes 3 s, and the response 1.5 s. To restore the pixels of 16 megapixels takes more than a second."""
    image = encode_image(scene(4000, 4000), "JPEG")
    with Upstream(IMAGE_RESPONSE) as upstream:
        env = {"OPENAI_BASE_URL": upstream.url, "OPENAI_API_KEY": "k"}
        services = build_services(env, clock=FakeClock())
        all_fields = {**FIELDS, "image": file_part(image), **fields}
        response = post_edit(all_fields, services=services, seconds=seconds)
    assert (response.status, len(upstream.calls)) == (status, 1 if status == 200 else 0)
    assert response.headers["x-retouch-billed"] == ("yes" if status == 200 else "no")


def test_image_that_was_not_processed_is_not_cached(monkeypatch):
    cache = InMemoryCache()
    monkeypatch.setattr("retouch.gateway.results.postprocess.processing_seconds", lambda _: 1_000.0)
    config = json.dumps({"provider": "openai", "cache": {"mode": "simple"}})
    with Upstream(IMAGE_RESPONSE) as upstream:
        env = {"OPENAI_BASE_URL": upstream.url, "OPENAI_API_KEY": "k"}
        services = build_services(env, cache=cache)
        fields = {**FIELDS, "mask": file_part(box_mask())}
        response = post_edit(fields, None, {"x-portkey-config": config}, services=services)
    assert (response.status, response.headers["x-retouch-preserved-pixels"]) == (200, "0")
    assert cache == {}
