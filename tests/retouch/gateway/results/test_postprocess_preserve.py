"""Tests of preserved pixels: outside the mask, the result has the pixels of the original."""

import base64
import json
import zlib

import pytest
from PIL import Image, ImageChops

from retouch.imaging.inspect import inspect_image
from retouch.imaging.masks.shapes import draw_mask
from retouch.planning.preserve import region_instruction
from tests.cases.images.build import IEND_CHUNK, SIGNATURE, chunk, header
from tests.support.gateway_client import file_part, post_edit
from tests.support.images import b64, box_mask, decode_image, encode_image, max_value, photo, scene
from tests.support.upstream import Upstream, json_response, sse_response

MAGENTA = (255, 0, 255)


def png_broken_after(valid_bytes):
    """Return a PNG of 200x200 pixels with valid checksums whose pixel data ends after `valid_bytes` bytes."""
    lines = b"".join(b"\0" + bytes(range(200)) * 3 for _ in range(200))
    stream = zlib.compress(lines, 0)[:valid_bytes]
    return SIGNATURE + header(200, 200, colour=2) + chunk(b"IDAT", stream) + IEND_CHUNK


BOX = {"shapes": [{"type": "box", "x": 30, "y": 20, "width": 40, "height": 30}]}


def edit_with_repainting_provider(fields, size=(100, 80), format="PNG"):
    """Return the response for a provider that repaints the whole image, and the provider calls."""
    paint = encode_image(Image.new("RGB", size, MAGENTA), format)
    body = {"created": 1, "data": [{"b64_json": base64.b64encode(paint).decode()}]}
    with Upstream(json_response(body)) as upstream:
        env = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": upstream.url}
        response = post_edit({"model": "gpt-image-2", "prompt": "p", **fields}, env)
    return response, upstream.calls


def image_of(response):
    return decode_image(base64.b64decode(response.json["data"][0]["b64_json"]))


def clear_box(image):
    """Return the image as RGBA, with the marked box cleared."""
    result = image.convert("RGBA")
    result.paste((0, 0, 0, 0), (30, 20, 70, 50))
    return result


def max_difference(first, second):
    """Return the largest difference of any channel of any pixel."""
    return max_value(ImageChops.difference(first, second))


@pytest.mark.parametrize("source", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("output", ["png", "webp", None])
def test_lossless_response_preserves_every_pixel_outside_mask(source, output):
    original = photo(100, 80, source)
    fields = {"image": file_part(original), "mask": json.dumps(BOX)}
    if output:
        fields["output_format"] = output
    response, _ = edit_with_repainting_provider(fields)
    edited = image_of(response)
    assert edited.format == (output or "png").upper()
    assert max_difference(clear_box(edited), clear_box(decode_image(original))) == 0
    assert edited.convert("RGB").getpixel((50, 35)) == MAGENTA
    assert response.headers["x-retouch-preserved-pixels"] == str(100 * 80 - 40 * 30)


def test_jpeg_response_preserves_pixels_approximately_and_notes_it():
    original = photo(100, 80)
    response, _ = edit_with_repainting_provider(
        {"image": file_part(original), "mask": json.dumps(BOX), "output_format": "jpeg"}
    )
    difference = ImageChops.difference(
        clear_box(image_of(response)).convert("RGB"),
        clear_box(decode_image(original)).convert("RGB"),
    )
    # JPEG blocks of 16 pixels spread the edge this far.
    difference.paste((0, 0, 0), (12, 4, 88, 66))
    assert max_value(difference) <= 8
    assert "preserve: jpeg is lossy" in response.headers["x-retouch-notes"]


def test_preserve_false_returns_provider_result():
    response, _ = edit_with_repainting_provider(
        {"image": file_part(photo(100, 80)), "mask": json.dumps(BOX), "preserve": "false"}
    )
    assert image_of(response).convert("RGB").getpixel((0, 0)) == MAGENTA
    assert "x-retouch-preserved-pixels" not in response.headers


def test_result_in_another_scale_is_composited():
    original = photo(100, 80)
    response, _ = edit_with_repainting_provider(
        {"image": file_part(original), "mask": json.dumps(BOX)}, size=(1000, 800)
    )
    edited = image_of(response)
    assert edited.size == (100, 80)
    assert max_difference(clear_box(edited), clear_box(decode_image(original))) == 0


@pytest.mark.parametrize("fit", ["auto", "strict", "pad"])
@pytest.mark.parametrize("preserve", [{}, {"preserve": "true"}])
def test_result_in_another_shape_keeps_unmarked_pixels_and_is_noted(preserve, fit):
    original = photo(100, 80)
    fields = {"image": file_part(original), "mask": json.dumps(BOX), "fit": fit, **preserve}
    response, _ = edit_with_repainting_provider(fields, size=(1024, 700))
    edited = image_of(response)
    assert edited.size == (100, 80)
    assert max_difference(clear_box(edited), clear_box(decode_image(original))) == 0
    assert response.headers["x-retouch-preserved-pixels"] == "6800"
    assert "1024x700 pixels, another shape" in response.headers["x-retouch-notes"]


def test_preserve_true_with_another_size_is_rejected():
    fields = {"image": file_part(photo(100, 80)), "mask": json.dumps(BOX), "size": "1024x1024"}
    response, calls = edit_with_repainting_provider({**fields, "preserve": "true"})
    assert (response.status, response.json["error"]["param"]) == (400, "size")
    assert calls == []
    response, _ = edit_with_repainting_provider(fields, size=(1024, 1024))
    assert "no pixels were restored" in response.headers["x-retouch-notes"]


def test_preserve_true_requests_size_of_image():
    image, mask = photo(1024, 768), box_mask(1024, 768, marked_box=(100, 100, 400, 400))
    fields = {"image": file_part(image), "mask": file_part(mask), "preserve": "true"}
    response, (call,) = edit_with_repainting_provider(fields, size=(1024, 768))
    assert call.fields["size"] == "1024x768"
    corner = (0, 0, 90, 90)
    assert max_difference(image_of(response).crop(corner), decode_image(image).crop(corner)) == 0


def test_preserve_true_without_mask_is_rejected():
    response, calls = edit_with_repainting_provider(
        {"image": file_part(photo()), "preserve": "true"}
    )
    assert (response.status, response.json["error"]["param"]) == (400, "preserve")
    assert calls == []


def test_rotated_image_is_preserved_as_displayed():
    exif = Image.Exif()
    exif[0x0112] = 6
    rotated = encode_image(scene(80, 100), "PNG", exif=exif)
    response, _ = edit_with_repainting_provider(
        {"image": file_part(rotated), "mask": json.dumps(BOX)}
    )
    upright = decode_image(rotated).transpose(Image.Transpose.ROTATE_270)
    assert max_difference(clear_box(image_of(response)), clear_box(upright)) == 0


def test_local_erase_reports_preserved_pixels():
    fields = {
        "model": "local/erase",
        "prompt": "p",
        "image": file_part(photo(100, 80)),
        "mask": json.dumps(BOX),
    }
    response = post_edit(fields)
    assert response.headers["x-retouch-preserved-pixels"] == "6800"
    assert (
        max_difference(clear_box(image_of(response)), clear_box(decode_image(photo(100, 80)))) == 0
    )
    lossy = post_edit({**fields, "output_format": "jpeg"})
    assert "x-retouch-preserved-pixels" not in lossy.headers


LOCAL_ERASE = {"model": "local/erase", "prompt": "p", "mask": json.dumps(BOX)}
LATE_BROKEN_PNG = png_broken_after(70_000)


@pytest.mark.parametrize("extra_fields", [{}, {"fit": "pad"}, {"n": "2"}])
def test_image_that_cannot_be_composited_is_rejected_before_call(extra_fields):
    fields = {
        "image": file_part(LATE_BROKEN_PNG),
        "mask": file_part(box_mask(200, 200)),
        **extra_fields,
    }
    response, calls = edit_with_repainting_provider(fields, size=(200, 200))
    error = response.json["error"]
    assert (response.status, error["code"], error["param"]) == (400, "image_parse_error", "image")
    assert response.headers["x-retouch-billed"] == "no"
    assert calls == []


def test_undecodable_image_without_mask_is_sent_to_provider():
    response, calls = edit_with_repainting_provider(
        {"image": file_part(LATE_BROKEN_PNG)}, size=(200, 200)
    )
    assert (response.status, len(calls)) == (200, 1)


def test_local_lossless_webp_preserves_every_pixel():
    original = photo(100, 80)
    for extra_fields in ({}, {"output_compression": "100"}, {"preserve": "true"}):
        response = post_edit(
            {**LOCAL_ERASE, "image": file_part(original), "output_format": "webp", **extra_fields}
        )
        assert image_of(response).format == "WEBP"
        assert max_difference(clear_box(image_of(response)), clear_box(decode_image(original))) == 0
        assert response.headers["x-retouch-preserved-pixels"] == "6800"


@pytest.mark.parametrize(
    "lossy", [{"output_format": "jpeg"}, {"output_format": "webp", "output_compression": "80"}]
)
def test_local_lossy_format_is_noted(lossy):
    response = post_edit(
        {**LOCAL_ERASE, "image": file_part(photo(100, 80)), "preserve": "true", **lossy}
    )
    assert f"preserve: {lossy['output_format']} is lossy" in response.headers["x-retouch-notes"]
    assert "x-retouch-preserved-pixels" not in response.headers


@pytest.mark.parametrize(
    "format",
    [{}, {"output_format": "webp"}, {"output_format": "webp", "output_compression": "100"}],
)
def test_opaque_background_applies_to_preserved_pixels_without_loss(format):
    gradient_alpha = scene(100, 80).convert("RGBA")
    gradient_alpha.putalpha(Image.linear_gradient("L").resize((100, 80)))
    fields = {
        "image": file_part(encode_image(gradient_alpha)),
        "mask": json.dumps(BOX),
        "background": "opaque",
        **format,
    }
    for response in (
        edit_with_repainting_provider(fields)[0],
        post_edit({**LOCAL_ERASE, **fields}),
    ):
        white_background = Image.new("RGBA", gradient_alpha.size, "white")
        white_background.alpha_composite(gradient_alpha)
        edited = image_of(response)
        assert edited.mode == "RGB"
        assert max_difference(clear_box(edited), clear_box(white_background)) <= 1
        assert "are placed on white" in response.headers["x-retouch-notes"]
    assert response.json["background"] == "opaque"
    transparent_response = post_edit(
        {**LOCAL_ERASE, "image": file_part(encode_image(gradient_alpha))}
    )
    assert (transparent_response.json["background"], image_of(transparent_response).mode) == (
        "transparent",
        "RGBA",
    )


WIDE_BOX = {"shapes": [{"type": "box", "x": 0, "y": 0, "width": 20, "height": 1}]}


@pytest.mark.parametrize("model", ["gpt-image-2", "local/erase"])
def test_too_wide_webp_is_rejected_before_call(model):
    wide = encode_image(Image.new("RGB", (16_384, 24)))
    fields = {"model": model, "image": file_part(wide), "mask": json.dumps(WIDE_BOX)}
    response, calls = edit_with_repainting_provider(
        {**fields, "output_format": "webp"}, size=(16_384, 24)
    )
    error = response.json["error"]
    assert (response.status, error["param"], calls) == (400, "output_format", [])
    assert "16383" in error["message"]
    assert (
        edit_with_repainting_provider({**fields, "output_format": "png"}, size=(16_384, 24))[
            0
        ].status
        == 200
    )


def test_webp_with_too_many_pixels_is_rejected_before_call():
    large = encode_image(Image.new("L", (6000, 6000)))
    fields = {"model": "gpt-image-2", "image": file_part(large), "mask": json.dumps(WIDE_BOX)}
    response, calls = edit_with_repainting_provider({**fields, "output_format": "webp"})
    assert (response.status, response.json["error"]["param"], calls) == (400, "output_format", [])
    assert "30000000 in total" in response.json["error"]["message"]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"model": "gpt-image-2"}, 400),
        ({"model": "gpt-image-2", "output_compression": 100}, 400),
        ({"model": "gpt-image-2", "output_compression": 99}, 200),
        ({"model": "local/erase"}, 400),
        ({"model": "local/erase", "output_compression": 99}, 200),
    ],
)
def test_webp_without_loss_of_too_many_pixels_is_rejected_before_call(fields, status):
    image, mask = encode_image(Image.new("L", (4000, 3126))), json.dumps(WIDE_BOX)
    fields = {**fields, "image": file_part(image), "mask": mask, "output_format": "webp"}
    response = post_edit({"prompt": "p", **fields, "dry_run": "true"}, {})
    assert response.status == status, response.json
    if status == 400:
        assert response.json["error"]["param"] == "output_format"
        assert "12500000 in total" in response.json["error"]["message"]
    image = encode_image(Image.new("L", (4000, 3125)))
    fields = {**fields, "image": file_part(image), "dry_run": "true"}
    assert post_edit({"prompt": "p", **fields}, {}).status == 200


def test_default_size_of_model_does_not_conflict_with_preserve():
    fields = {
        "model": "dall-e-2",
        "image": file_part(photo(100, 100)),
        "response_format": "b64_json",
    }
    fields["mask"] = file_part(box_mask(100, 100, marked_box=(30, 20, 70, 50)))
    response, (call,) = edit_with_repainting_provider(
        {**fields, "preserve": "true"}, size=(1024, 1024)
    )
    assert response.status == 200, response.json
    assert call.fields["size"] == "816x816"
    assert image_of(response).size == (100, 100)
    assert response.headers["x-retouch-preserved-pixels"] == str(100 * 100 - 40 * 30)
    _, (call,) = edit_with_repainting_provider({**fields, "preserve": "false"}, size=(1024, 1024))
    assert call.fields["size"] == "1024x1024"


def test_transparency_of_image_is_the_mask_with_preserve_true():
    image_with_hole = scene(100, 80).convert("RGBA")
    image_with_hole.paste((0, 0, 0, 0), (30, 20, 70, 50))
    response, (call,) = edit_with_repainting_provider(
        {"image": file_part(encode_image(image_with_hole)), "preserve": "true"}
    )
    assert [name for name, *_ in call.files] == ["image", "mask"]
    sent_mask = decode_image(call.files[1][3])
    assert [sent_mask.getchannel("A").getpixel(point) for point in ((50, 35), (29, 35))] == [
        0,
        255,
    ]
    assert max_difference(clear_box(image_of(response)), clear_box(image_with_hole)) == 0
    assert response.headers["x-retouch-preserved-pixels"] == "6800"
    _, (call,) = edit_with_repainting_provider({"image": file_part(encode_image(image_with_hole))})
    assert [name for name, *_ in call.files] == ["image"]


@pytest.mark.parametrize("preserve", ["true", None])
def test_outpaint_with_mask_is_rejected(preserve):
    fields = {"image": file_part(photo(100, 80)), "mask": json.dumps(BOX), "left": "50"}
    fields["model"] = "stability-ai/outpaint"
    with Upstream(json_response({})) as upstream:
        env = {"STABILITY_API_KEY": "k", "STABILITY_BASE_URL": upstream.url}
        response = post_edit({**fields, **({"preserve": preserve} if preserve else {})}, env)
    error = response.json["error"]
    assert (response.status, error["param"]) == (400, "mask")
    assert "cannot use a mask and changes the geometry of the image" in error["message"]
    assert "send preserve=true" not in error["message"]
    assert upstream.received == []


def test_smallest_region_is_described_in_percent():
    shape = {"type": "box", "x": 502, "y": 302, "width": 2, "height": 2}
    instruction = region_instruction(
        draw_mask({"shapes": [shape]}, inspect_image(encode_image(Image.new("L", (1000, 1000)))))
    )
    assert "between 50% and 51% of the width" in instruction
    assert "between 30% and 31% of the height" in instruction


def test_streamed_result_preserves_pixels_and_reports_them():
    original = photo(100, 80)
    painted = b64(encode_image(Image.new("RGB", (100, 80), MAGENTA)))
    event = {"type": "image_edit.completed", "b64_json": painted, "created_at": 1}
    fields = {"model": "gpt-image-2", "prompt": "p", "image": file_part(original)}
    with Upstream(sse_response(event)) as upstream:
        env = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": upstream.url}
        response = post_edit({**fields, "mask": json.dumps(BOX), "stream": "true"}, env)
    ((name, payload),) = response.frames
    assert name == "image_edit.completed"
    edited = decode_image(base64.b64decode(payload["b64_json"]))
    assert max_difference(clear_box(edited), clear_box(decode_image(original))) == 0
    assert payload["retouch"]["preserved-pixels"] == "6800"
    assert payload["retouch"]["cost-usd"].endswith("estimated")
