"""Outside the mask the answer's pixels are the caller's own, whatever the provider did there."""

import base64
import json

import pytest
from PIL import Image, ImageChops

from tests.support.door import edit, png
from tests.support.pictures import encoded, hole, opened, photo, scene
from tests.support.upstream import Upstream, as_json

MAGENTA = (255, 0, 255)
BOX = {"shapes": [{"type": "box", "x": 30, "y": 20, "width": 40, "height": 30}]}


def repainted(fields, size=(100, 80), format="PNG"):
    """The answer of a provider that repaints everything, and what it was sent."""
    paint = encoded(Image.new("RGB", size, MAGENTA), format)
    body = {"created": 1, "data": [{"b64_json": base64.b64encode(paint).decode()}]}
    with Upstream(as_json(body)) as upstream:
        env = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": upstream.url}
        answer = edit({"model": "gpt-image-2", "prompt": "p", **fields}, env)
    return answer, upstream.calls


def picture_of(answer):
    return opened(base64.b64decode(answer.json["data"][0]["b64_json"]))


def outside(image):
    """The picture with the marked box painted over, and with its transparency."""
    found = image.convert("RGBA")
    found.paste((0, 0, 0, 0), (30, 20, 70, 50))
    return found


def most(one, other):
    """The largest difference of any channel of any pixel."""
    return max(high for _, high in ImageChops.difference(one, other).getextrema())


@pytest.mark.parametrize("source", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("output", ["png", "webp", None])
def test_lossless_answers_keep_every_pixel(source, output):
    original = photo(100, 80, source)
    fields = {"image": png(original), "mask": json.dumps(BOX)}
    if output:
        fields["output_format"] = output
    answer, _ = repainted(fields)
    edited = picture_of(answer)
    assert edited.format == (output or "png").upper()
    assert most(outside(edited), outside(opened(original))) == 0
    assert edited.convert("RGB").getpixel((50, 35)) == MAGENTA
    assert answer.headers["x-retouch-preserved-pixels"] == str(100 * 80 - 40 * 30)


def test_a_jpeg_answer_is_close_but_not_equal():
    original = photo(100, 80)
    answer, _ = repainted(
        {"image": png(original), "mask": json.dumps(BOX), "output_format": "jpeg"}
    )
    difference = ImageChops.difference(
        outside(picture_of(answer)).convert("RGB"), outside(opened(original)).convert("RGB")
    )
    difference.paste((0, 0, 0), (12, 4, 88, 66))  # blocks of 16 pixels, so the seam bleeds that far
    assert max(high for _, high in difference.getextrema()) <= 8
    assert "preserve: jpeg is lossy" in answer.headers["x-retouch-notes"]


def test_preserve_false_leaves_the_answer_alone():
    answer, _ = repainted(
        {"image": png(photo(100, 80)), "mask": json.dumps(BOX), "preserve": "false"}
    )
    assert picture_of(answer).convert("RGB").getpixel((0, 0)) == MAGENTA
    assert "x-retouch-preserved-pixels" not in answer.headers


def test_an_answer_in_another_scale_is_mapped_back():
    original = photo(100, 80)
    answer, _ = repainted({"image": png(original), "mask": json.dumps(BOX)}, size=(1000, 800))
    edited = picture_of(answer)
    assert edited.size == (100, 80)
    assert most(outside(edited), outside(opened(original))) == 0


def test_an_answer_in_another_shape_is_mapped_back_only_where_that_was_asked_for():
    fields = {"image": png(photo(100, 80)), "mask": json.dumps(BOX)}
    alone, _ = repainted(fields, size=(1024, 1024))
    asked, _ = repainted({**fields, "preserve": "true"}, size=(1024, 1024))
    assert picture_of(alone).size == (1024, 1024)
    assert alone.headers["x-retouch-preserved-pixels"] == "0"
    assert "preserve=true" in alone.headers["x-retouch-notes"]
    assert picture_of(asked).size == (100, 80)
    assert asked.headers["x-retouch-preserved-pixels"] == "6800"


def test_another_size_and_kept_pixels_exclude_each_other():
    fields = {"image": png(photo(100, 80)), "mask": json.dumps(BOX), "size": "1024x1024"}
    answer, calls = repainted({**fields, "preserve": "true"})
    assert (answer.status, answer.json["error"]["param"]) == (400, "size")
    assert calls == []
    answer, _ = repainted(fields, size=(1024, 1024))
    assert "no pixels were put back" in answer.headers["x-retouch-notes"]


def test_preserve_tells_the_model_the_pictures_own_size_where_it_can_be_told():
    picture, mask = photo(1024, 768), hole(1024, 768, at=(100, 100, 400, 400))
    fields = {"image": png(picture), "mask": png(mask), "preserve": "true"}
    answer, (call,) = repainted(fields, size=(1024, 768))
    assert call.fields["size"] == "1024x768"
    corner = (0, 0, 90, 90)
    assert most(picture_of(answer).crop(corner), opened(picture).crop(corner)) == 0


def test_preserve_without_a_mask_is_refused():
    answer, calls = repainted({"image": png(photo()), "preserve": "true"})
    assert (answer.status, answer.json["error"]["param"]) == (400, "preserve")
    assert calls == []


def test_a_rotated_picture_is_kept_as_it_is_displayed():
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = encoded(scene(80, 100), "PNG", exif=exif)
    answer, _ = repainted({"image": png(turned), "mask": json.dumps(BOX)})
    upright = opened(turned).transpose(Image.Transpose.ROTATE_270)
    assert most(outside(picture_of(answer)), outside(upright)) == 0


def test_a_model_that_leaves_the_rest_alone_says_how_much_that_is():
    fields = {
        "model": "local/erase",
        "prompt": "p",
        "image": png(photo(100, 80)),
        "mask": json.dumps(BOX),
    }
    answer = edit(fields)
    assert answer.headers["x-retouch-preserved-pixels"] == "6800"
    assert most(outside(picture_of(answer)), outside(opened(photo(100, 80)))) == 0
    lossy = edit({**fields, "output_format": "jpeg"})
    assert "x-retouch-preserved-pixels" not in lossy.headers
