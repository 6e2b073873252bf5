"""What an attempt leaves behind."""

import gc

from tests.support.door import edit, png
from tests.support.house import build_house
from tests.support.pictures import b64, photo
from tests.support.upstream import Upstream, as_events, as_json

GOOD = as_json({"created": 1, "data": [{"b64_json": b64(photo())}]})
PARTIAL = {
    "type": "image_edit.partial_image",
    "b64_json": b64(photo()),
    "created_at": 1,
    "output_format": "png",
    "partial_image_index": 0,
}
FIELDS = {"prompt": "p", "image": png(photo()), "model": "gpt-image-2"}


def test_a_stream_that_failed_leaves_no_dead_connection_to_the_next_edit():
    broken = as_events(PARTIAL, {"type": "error", "error": {"message": "boom"}})
    with Upstream(broken) as upstream:
        house = build_house({"OPENAI_BASE_URL": upstream.url, "OPENAI_API_KEY": "k"})
        gc.disable()
        try:
            for _ in range(3):
                answer = edit({**FIELDS, "stream": "true", "partial_images": "1"}, house=house)
                assert answer.frames[-1][0] == "error"
        finally:
            gc.enable()
        gc.collect()
        upstream.answers = [GOOD]
        assert edit(FIELDS, house=house).status == 200
