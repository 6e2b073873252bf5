"""Outside the mask the answer's pixels are the caller's own, whatever the provider did there."""

import base64
import json
import zlib

import pytest
from PIL import Image, ImageChops

from retouch.pixels.inspect import inspect
from retouch.pixels.shapes import draw_mask
from retouch.plan.preserve import words
from tests.cases.images.build import END, SIGNATURE, chunk, header
from tests.support.door import edit, png
from tests.support.pictures import b64, encoded, hole, opened, photo, scene
from tests.support.upstream import Upstream, as_events, as_json

MAGENTA = (255, 0, 255)


def broken_after(sound):
    """A PNG of 200x200 pixels whose checksums are right and whose data is not, after so many bytes."""
    lines = b"".join(b"\0" + bytes(range(200)) * 3 for _ in range(200))
    stream = zlib.compress(lines, 0)[:sound]
    return SIGNATURE + header(200, 200, colour=2) + chunk(b"IDAT", stream) + END


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


LOCAL = {"model": "local/erase", "prompt": "p", "mask": json.dumps(BOX)}
BROKEN_LATE = broken_after(70_000)


@pytest.mark.parametrize("also", [{}, {"fit": "pad"}, {"n": "2"}])
def test_a_picture_that_cannot_be_put_back_is_refused_before_paying(also):
    fields = {"image": png(BROKEN_LATE), "mask": png(hole(200, 200)), **also}
    answer, calls = repainted(fields, size=(200, 200))
    error = answer.json["error"]
    assert (answer.status, error["code"], error["param"]) == (400, "image_parse_error", "image")
    assert answer.headers["x-retouch-billed"] == "no"
    assert calls == []


def test_a_picture_that_nobody_puts_back_is_the_providers_to_judge():
    answer, calls = repainted({"image": png(BROKEN_LATE)}, size=(200, 200))
    assert (answer.status, len(calls)) == (200, 1)


def test_lossless_webp_is_made_here_too():
    original = photo(100, 80)
    for also in ({}, {"output_compression": "100"}, {"preserve": "true"}):
        answer = edit({**LOCAL, "image": png(original), "output_format": "webp", **also})
        assert picture_of(answer).format == "WEBP"
        assert most(outside(picture_of(answer)), outside(opened(original))) == 0
        assert answer.headers["x-retouch-preserved-pixels"] == "6800"


@pytest.mark.parametrize(
    "lossy", [{"output_format": "jpeg"}, {"output_format": "webp", "output_compression": "80"}]
)
def test_what_a_lossy_format_costs_is_said_by_models_that_work_here(lossy):
    answer = edit({**LOCAL, "image": png(photo(100, 80)), "preserve": "true", **lossy})
    assert f"preserve: {lossy['output_format']} is lossy" in answer.headers["x-retouch-notes"]
    assert "x-retouch-preserved-pixels" not in answer.headers


def test_an_opaque_background_is_opaque_where_pixels_are_put_back():
    clear = scene(100, 80).convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize((100, 80)))
    fields = {"image": png(encoded(clear)), "mask": json.dumps(BOX), "background": "opaque"}
    for answer in (repainted(fields)[0], edit({**LOCAL, **fields})):
        ground = Image.new("RGBA", clear.size, "white")
        ground.alpha_composite(clear)
        edited = picture_of(answer)
        assert edited.mode == "RGB"
        assert most(outside(edited), outside(ground)) <= 1
        assert "is put on white" in answer.headers["x-retouch-notes"]
    assert answer.json["background"] == "opaque"
    kept = edit({**LOCAL, "image": png(encoded(clear))})
    assert (kept.json["background"], picture_of(kept).mode) == ("transparent", "RGBA")


WIDE = {"shapes": [{"type": "box", "x": 0, "y": 0, "width": 20, "height": 1}]}


@pytest.mark.parametrize("model", ["gpt-image-2", "local/erase"])
def test_webp_that_would_be_too_wide_is_refused_before_paying(model):
    wide = encoded(Image.new("RGB", (16_384, 2)))
    fields = {"model": model, "image": png(wide), "mask": json.dumps(WIDE)}
    answer, calls = repainted({**fields, "output_format": "webp"}, size=(16_384, 2))
    error = answer.json["error"]
    assert (answer.status, error["param"], calls) == (400, "output_format", [])
    assert "16383" in error["message"]
    assert repainted({**fields, "output_format": "png"}, size=(16_384, 2))[0].status == 200


def test_webp_that_takes_too_much_memory_is_refused_before_paying():
    large = encoded(Image.new("L", (6000, 6000)))
    fields = {"model": "gpt-image-2", "image": png(large), "mask": json.dumps(WIDE)}
    answer, calls = repainted({**fields, "output_format": "webp"})
    assert (answer.status, answer.json["error"]["param"], calls) == (400, "output_format", [])
    assert "30000000 in all" in answer.json["error"]["message"]


def test_a_contracts_default_size_does_not_stand_against_preserve():
    fields = {"model": "dall-e-2", "image": png(photo(100, 100)), "response_format": "b64_json"}
    fields["mask"] = png(hole(100, 100, at=(30, 20, 70, 50)))
    answer, (call,) = repainted({**fields, "preserve": "true"}, size=(1024, 1024))
    assert answer.status == 200, answer.json
    assert "size" not in call.fields
    assert picture_of(answer).size == (100, 100)
    assert answer.headers["x-retouch-preserved-pixels"] == str(100 * 100 - 40 * 30)
    _, (call,) = repainted(fields, size=(1024, 1024))
    assert call.fields["size"] == "1024x1024"


def test_a_hole_in_the_picture_is_the_mask_where_preserve_asks_for_one():
    holed = scene(100, 80).convert("RGBA")
    holed.paste((0, 0, 0, 0), (30, 20, 70, 50))
    answer, (call,) = repainted({"image": png(encoded(holed)), "preserve": "true"})
    assert [name for name, *_ in call.files] == ["image", "mask"]
    assert opened(call.files[1][3]).getchannel("A").getpixel((50, 35)) == 0
    assert most(outside(picture_of(answer)), outside(holed)) == 0
    assert answer.headers["x-retouch-preserved-pixels"] == "6800"
    _, (call,) = repainted({"image": png(encoded(holed))})
    assert [name for name, *_ in call.files] == ["image"]


@pytest.mark.parametrize("preserve", ["true", None])
def test_an_extended_picture_is_never_squeezed_back(preserve):
    fields = {"image": png(photo(100, 80)), "mask": json.dumps(BOX), "left": "50"}
    fields["model"] = "stability-ai/outpaint"
    with Upstream(as_json({})) as upstream:
        env = {"STABILITY_API_KEY": "k", "STABILITY_BASE_URL": upstream.url}
        answer = edit({**fields, **({"preserve": preserve} if preserve else {})}, env)
    error = answer.json["error"]
    assert (answer.status, error["param"]) == (400, "mask")
    assert "cannot use a mask and answers in a geometry of its own" in error["message"]
    assert "send preserve=true" not in error["message"]
    assert upstream.received == []


def test_the_smallest_place_is_told_as_one():
    shape = {"type": "box", "x": 502, "y": 302, "width": 2, "height": 2}
    told = words(draw_mask({"shapes": [shape]}, inspect(encoded(Image.new("L", (1000, 1000))))))
    assert "between 50% and 51% of the width" in told
    assert "between 30% and 31% of the height" in told


def test_a_stream_puts_pixels_back_and_says_how_many():
    original = photo(100, 80)
    painted = b64(encoded(Image.new("RGB", (100, 80), MAGENTA)))
    event = {"type": "image_edit.completed", "b64_json": painted, "created_at": 1}
    fields = {"model": "gpt-image-2", "prompt": "p", "image": png(original)}
    with Upstream(as_events(event)) as upstream:
        env = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": upstream.url}
        answer = edit({**fields, "mask": json.dumps(BOX), "stream": "true"}, env)
    ((name, told),) = answer.frames
    assert name == "image_edit.completed"
    edited = opened(base64.b64decode(told["b64_json"]))
    assert most(outside(edited), outside(opened(original))) == 0
    assert told["retouch"]["preserved-pixels"] == "6800"
    assert told["retouch"]["cost-usd"].endswith("estimated")
