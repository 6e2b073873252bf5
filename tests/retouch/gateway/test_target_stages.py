"""Tests of what a failed attempt leaves behind."""

import gc

from tests.support.gateway_client import file_part, post_edit
from tests.support.images import b64, photo
from tests.support.services import build_services
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
