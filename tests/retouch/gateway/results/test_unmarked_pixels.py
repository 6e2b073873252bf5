"""Tests of results in unexpected shapes: they are mapped by the placement that was sent, and never stretched."""

import base64
import json

import pytest
from PIL import Image, ImageChops, ImageDraw

from retouch.core.geometry import Placement, full_canvas_placement
from retouch.gateway.results.unmarked_pixels import decode_needed_part, restore_unmarked_pixels
from retouch.imaging.colour import decode_srgb
from retouch.imaging.inspect import inspect_image
from tests.support.gateway_client import file_part, post_edit
from tests.support.images import decode_image, encode_image, photo, scene
from tests.support.upstream import Upstream, json_response

SIZE = (300, 400)
MARKED = (60, 80, 260, 360)
BOX = {"type": "box", "x": 60, "y": 80, "width": 200, "height": 280}
CIRCLE_BOX = (100, 140, 220, 260)  # in the marked area
NAVY = (20, 30, 120)


def picture_with_circle():
    image = Image.new("RGB", SIZE, (240, 240, 240))
    ImageDraw.Draw(image).ellipse(CIRCLE_BOX, fill=NAVY)
    return image


def marked_mask():
    mask = Image.new("L", SIZE)
    mask.paste(255, MARKED)
    return mask


def extend(image, size):
    """Return the image in the middle of a canvas of this size, as a model does that paints more around it."""
    canvas = Image.new("RGB", size, (0, 200, 0))
    canvas.paste(image, ((size[0] - image.width) // 2, (size[1] - image.height) // 2))
    return canvas


def circle_box(image):
    is_navy = image.convert("RGB").getchannel("R").point(lambda value: 255 if value < 130 else 0)
    return is_navy.getbbox()


@pytest.mark.parametrize("times", [1, 2, 3])
@pytest.mark.parametrize("size", [(400, 400), (800, 400), (300, 900), (310, 400)])
def test_result_that_shows_more_is_mapped_to_the_pixel(size, times):
    result = extend(picture_with_circle(), size)
    result = result.resize((size[0] * times, size[1] * times), Image.Resampling.NEAREST)
    image, preserved_pixels, notes = restore_unmarked_pixels(
        Image.new("RGB", SIZE, (240, 240, 240)), result, marked_mask(), None
    )
    assert image.size == SIZE
    assert preserved_pixels == 300 * 400 - 200 * 280
    found = circle_box(image)
    assert all(
        abs(a - b) <= 1 for a, b in zip(found, circle_box(picture_with_circle()), strict=True)
    )
    assert f"{result.width}x{result.height} pixels, another shape than the 300x400" in notes[0]


@pytest.mark.parametrize("result_size", [(1024, 1024), (1536, 1024), (1024, 1536), (90, 400)])
@pytest.mark.parametrize(
    "placement",
    [
        None,
        Placement((400, 400), (50, 0, 350, 400), SIZE),
        Placement((200, 200), (25, 0, 175, 200), SIZE),
    ],
)
def test_circle_of_any_result_stays_a_circle(result_size, placement):
    """The result has a circle in its centre. It may be cut off in the original, but both its diameters scale alike."""
    diameter = min(result_size) // 4
    result = Image.new("RGB", result_size, "white")
    center = (result_size[0] // 2, result_size[1] // 2)
    ImageDraw.Draw(result).ellipse(
        (
            center[0] - diameter // 2,
            center[1] - diameter // 2,
            center[0] + diameter // 2,
            center[1] + diameter // 2,
        ),
        fill=NAVY,
    )
    image, _, _ = restore_unmarked_pixels(
        Image.new("RGB", SIZE, "white"), result, marked_mask(), placement
    )
    left, top, right, bottom = circle_box(image)
    assert abs((right - left) - (bottom - top)) <= 2


@pytest.mark.parametrize("times", [1, 2, 3])
def test_padding_is_not_blended_into_the_edge_of_the_image(times):
    placement = Placement((400, 400), (50, 0, 350, 400), SIZE)
    result = extend(Image.new("RGB", SIZE, NAVY), (400, 400))
    result = result.resize((400 * times, 400 * times), Image.Resampling.NEAREST)
    image, _, _ = restore_unmarked_pixels(
        Image.new("RGB", SIZE, NAVY), result, Image.new("L", SIZE, 255), placement
    )
    assert image.getcolors() == [(300 * 400, NAVY)]


def test_slightly_different_shape_is_only_scaled():
    result = picture_with_circle().resize((604, 800))
    _, _, notes = restore_unmarked_pixels(picture_with_circle(), result, marked_mask(), None)
    assert notes == (
        "preserve: the model made 604x800 pixels of the image; the marked area was scaled to 300x400",
    )


def test_result_of_the_size_of_the_image_gets_no_note():
    for placement, size in (
        (None, SIZE),
        (Placement((400, 400), (50, 0, 350, 400), SIZE), (400, 400)),
    ):
        result = Image.new("RGB", size, NAVY)
        _, _, notes = restore_unmarked_pixels(
            picture_with_circle(), result, marked_mask(), placement
        )
        assert notes == ()


@pytest.mark.parametrize("model", ["gpt-image-2", "gpt-image-1-mini", "dall-e-2"])
@pytest.mark.parametrize("result_size", [(1024, 1024), (1536, 1024), (123, 457)])
def test_provider_that_ignores_the_size_gets_no_unmarked_pixel(model, result_size):
    original = scene(*SIZE)
    paint = encode_image(Image.new("RGB", result_size, (255, 0, 255)))
    body = {"created": 1, "data": [{"b64_json": base64.b64encode(paint).decode()}]}
    with Upstream(json_response(body)) as upstream:
        env = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": upstream.url}
        fields = {
            "model": model,
            "prompt": "p",
            "image": file_part(encode_image(original)),
            "mask": json.dumps({"shapes": [BOX]}),
            "response_format": "b64_json",
        }
        response = post_edit(fields, env)
    edited = decode_image(base64.b64decode(response.json["data"][0]["b64_json"])).convert("RGB")
    difference = ImageChops.difference(edited, original).convert("L")
    assert difference.getbbox() is not None
    difference.paste(0, MARKED)
    assert difference.getbbox() is None
    assert response.headers["x-retouch-preserved-pixels"] == str(300 * 400 - 200 * 280)
    assert "another shape" in response.headers["x-retouch-notes"]


def plan_of(model, **fields):
    response = post_edit(
        {
            "model": model,
            "prompt": "p",
            "mask": json.dumps({"shapes": [BOX]}),
            "dry_run": "true",
            "image": file_part(photo(*SIZE)),
            **fields,
        }
    )
    return response.status, response.json


def test_region_in_prompt_refers_to_the_padded_canvas():
    wide = {
        "image": file_part(photo(900, 300)),
        "mask": json.dumps({"shapes": [{**BOX, "x": 0, "y": 0, "width": 450, "height": 300}]}),
    }
    status, plan = plan_of("black-forest-labs/flux-kontext-pro", preserve="true", **wide)
    assert status == 200, plan
    # 900x300 is padded to 21:9, which is 900x386: 43 rows are above the image and 43 below.
    assert "between 0% and 50% of the width" in plan["calls"][0]["prompt"]
    assert "between 11% and 89% of the height" in plan["calls"][0]["prompt"]


@pytest.mark.parametrize("named", [{"fit": "strict"}, {"preserve": "false"}, {"size": "512x512"}])
def test_parameters_that_the_request_names_keep_the_strict_rules(named):
    status, body = plan_of("dall-e-2", **named)
    assert (status, body["error"]["code"]) == (400, "image_not_square")


def test_named_size_is_returned_without_restored_pixels():
    status, plan = plan_of("gpt-image-2", size="1024x1024")
    answer = plan["answer"]
    assert (status, answer["preserve"], answer["size"]) == (200, False, [1024, 1024])
    assert plan["calls"][0]["parameters"]["size"] == "1024x1024"
    assert any("no pixels were restored" in note for note in plan["notes"])


def test_named_resolution_is_sent_with_the_planned_shape():
    status, plan = plan_of(
        "google/gemini-3-pro-image",
        preserve="true",
        resolution="4K",
        image=file_part(photo(300, 410)),
    )
    assert (status, plan["answer"]["size"]) == (200, [300, 410])
    assert plan["calls"][0]["parameters"] == {"aspect_ratio": "3:4", "resolution": "4K"}


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
def test_needed_part_of_a_result_gives_the_same_image(mode):
    file = inspect_image(encode_image(picture_with_circle().rotate(90).convert(mode).resize(SIZE)))
    needed = decode_needed_part(file, marked_mask(), None)
    assert needed.size == (SIZE[0] if mode == "L" else MARKED[2], MARKED[3])
    whole, part = (
        restore_unmarked_pixels(scene(*SIZE).convert("RGB"), pixels, marked_mask(), None, file.size)
        for pixels in (decode_srgb(file), needed)
    )
    assert whole[0].tobytes() == part[0].tobytes()
    assert whole[1:] == part[1:] == (300 * 400 - 200 * 280, ())


@pytest.mark.parametrize(
    ("size", "placement"),
    [((600, 800), None), ((300, 300), None), (SIZE, full_canvas_placement(SIZE))],
)
def test_result_of_another_geometry_is_decoded_whole(size, placement):
    file = inspect_image(photo(*size))
    assert decode_needed_part(file, marked_mask(), placement).size == size


def test_result_is_decoded_whole_if_nothing_is_marked():
    file = inspect_image(photo(*SIZE))
    assert decode_needed_part(file, Image.new("L", SIZE), None).size == SIZE
