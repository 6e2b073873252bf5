"""Tests of the parameters of mask files, from the event to the mask that the provider receives and to the result."""

import base64
import json

import pytest
from PIL import Image, ImageChops

from retouch.core.edit_types import ResolvedInputs
from retouch.core.errors import InvalidRequest
from retouch.gateway.validation import apply_overrides, validate
from tests.support.events import json_event
from tests.support.gateway_client import file_part, post_edit, send_event
from tests.support.images import (
    box_mask,
    channel_values,
    data_url,
    decode_image,
    differing_area,
    encode_image,
    photo,
)
from tests.support.tool_masks import (
    SIZE,
    TOOL_MASKS,
    draw_soft_stroke,
    draw_stroke,
    marked_area,
)
from tests.support.upstream import Upstream, json_response

ORIGINAL = Image.effect_noise(SIZE, 60).convert("RGB")
SHAPE = {"shapes": [{"type": "box", "x": 40, "y": 30, "width": 120, "height": 100}]}
BOX = (40, 30, 160, 130)
HARD_NOTE = "pixels that are at least half marked count as marked"


def edit(env=None, **fields):
    """Return the response of a provider that repaints everything, and its calls."""
    paint = encode_image(Image.new("RGB", SIZE, (255, 0, 255)))
    body = {"created": 1, "data": [{"b64_json": base64.b64encode(paint).decode()}]}
    with Upstream(json_response(body)) as upstream:
        response = post_edit(
            {
                "model": "gpt-image-2",
                "prompt": "p",
                "image": file_part(encode_image(ORIGINAL)),
                **fields,
            },
            {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": upstream.url, **(env or {})},
        )
    return response, upstream.calls


def sent_area(calls):
    """Return the transparent pixels of the mask that the provider received, 255 on 0."""
    alpha = decode_image(calls[0].files[1][3]).getchannel("A")
    assert set(alpha.tobytes()) <= {0, 255}
    return alpha.point(lambda level: 255 - level)


def changed_pixels(response):
    edited = decode_image(base64.b64decode(response.json["data"][0]["b64_json"])).convert("RGB")
    return differing_area(edited, ORIGINAL)


def notes_of(response):
    return response.headers.get("x-retouch-notes", "")


def box_area():
    area = Image.new("L", SIZE)
    area.paste(255, BOX)
    return area


@pytest.mark.parametrize("outside", [255, 254, 250, 200])
@pytest.mark.parametrize("preserve", [{}, {"preserve": "true"}])
def test_near_opaque_mask_is_sent_hard_and_restores_every_unmarked_pixel(outside, preserve):
    mask = Image.new("RGBA", SIZE, (0, 0, 0, outside))
    mask.paste((0, 0, 0, 255 - outside), BOX)
    response, calls = edit(mask=file_part(encode_image(mask)), **preserve)
    assert sent_area(calls).tobytes() == box_area().tobytes()
    assert ImageChops.subtract(changed_pixels(response), box_area()).getbbox() is None
    unmarked = SIZE[0] * SIZE[1] - 120 * 100
    assert response.headers["x-retouch-preserved-pixels"] == str(unmarked)
    assert (HARD_NOTE in notes_of(response)) == (outside == 200)


def test_soft_mask_file_is_sent_and_restored_with_the_same_hard_edge():
    soft = draw_soft_stroke()
    response, calls = edit(mask=file_part(encode_image(soft)), mask_mode="white")
    assert sent_area(calls).tobytes() == marked_area(soft).tobytes()
    assert ImageChops.subtract(changed_pixels(response), marked_area(soft)).getbbox() is None
    assert HARD_NOTE in notes_of(response)


def test_mask_feather_of_hard_model_is_sent_as_area_and_restored_as_ramp():
    fields = {"mask": file_part(box_mask(*SIZE, marked_box=BOX))}
    feathered, calls = edit(**fields, mask_feather="20")
    plain, _ = edit(**fields)
    assert ImageChops.subtract(sent_area(calls), box_area()).getbbox() is None
    assert sent_area(calls).getbbox() == BOX
    for response, level in ((plain, 255), (feathered, 128)):
        edited = decode_image(base64.b64decode(response.json["data"][0]["b64_json"]))
        expected = Image.blend(ORIGINAL, Image.new("RGB", SIZE, (255, 0, 255)), level / 255)
        # The pixel is 10 pixels inside the edge: in the middle of the ramp.
        colours = (channel_values(image, (50, 80)) for image in (edited, expected))
        pairs = zip(*colours, strict=True)
        assert all(abs(first - second) < 20 for first, second in pairs)
    assert ImageChops.subtract(changed_pixels(feathered), sent_area(calls)).getbbox() is None
    assert "the gateway makes the soft edge" in notes_of(feathered)


def test_mask_feather_without_restored_pixels_is_reported_as_without_effect():
    response, _ = edit(
        mask=file_part(box_mask(*SIZE, marked_box=BOX)), mask_feather="20", preserve="false"
    )
    assert "the soft edge has no effect" in notes_of(response)


def test_mask_grow_expands_the_sent_and_restored_area_like_grow_of_shapes():
    by_file, file_calls = edit(mask=file_part(box_mask(*SIZE, marked_box=BOX)), mask_grow="7")
    by_shape, shape_calls = edit(mask=json.dumps({**SHAPE, "grow": 7}))
    assert sent_area(file_calls).getbbox() == (33, 23, 167, 137)
    assert sent_area(file_calls).tobytes() == sent_area(shape_calls).tobytes()
    headers = [r.headers["x-retouch-preserved-pixels"] for r in (by_file, by_shape)]
    assert headers[0] == headers[1]


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("SAM, boolean", "read the mask as white"),
        ("Inkscape, grey", "read the mask as black"),
        ("canvas, destination-out", "read the mask as alpha"),
        ("red on black", "that differ from its background"),
    ],
)
def test_auto_reports_its_guess_and_edits_the_painted_area(name, note):
    response, calls = edit(mask=file_part(TOOL_MASKS[name].build()), mask_mode="auto")
    assert response.status == 200, response.json
    assert sent_area(calls).tobytes() == TOOL_MASKS[name].area.tobytes()
    assert f"mask_mode: auto {'' if 'differ' in note else note}" in notes_of(response)
    assert note in notes_of(response)


def test_json_body_takes_mask_parameters_as_numbers():
    body = {
        "model": "local/erase",
        "prompt": "p",
        "images": [{"image_url": data_url(encode_image(ORIGINAL))}],
        "mask": {"image_url": data_url(encode_image(draw_stroke()))},
        "mask_mode": "auto",
        "mask_grow": -2,
        "mask_feather": 3,
    }
    response = send_event(json_event(body), {})
    assert response.status == 200, response.json
    assert "mask_mode: auto" in notes_of(response)
    refused = send_event(json_event({**body, "mask_grow": "2"}), {})
    assert (refused.status, refused.json["error"]["param"]) == (400, "mask_grow")


@pytest.mark.parametrize("name", ["mask_mode", "mask_grow", "mask_feather"])
@pytest.mark.parametrize(
    ("fields", "remedy"),
    [({"mask": json.dumps(SHAPE)}, "mask"), ({}, "no mask")],
    ids=["shapes", "no mask"],
)
def test_mask_file_parameter_without_mask_file_is_refused_by_name(name, fields, remedy):
    value = "white" if name == "mask_mode" else "3"
    response, calls = edit(**fields, **{name: value})
    error = response.json["error"]
    assert (response.status, error["param"], error["code"]) == (400, name, "invalid_value")
    key = {"mask_grow": "'grow'", "mask_feather": "'feather'"}.get(name, "")
    assert remedy in error["message"]
    assert not fields or key in error["message"]
    assert calls == []


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("mask_grow", "401", "from -400 to 400"),
        ("mask_grow", "-401", "from -400 to 400"),
        ("mask_grow", "2.5", "a whole number"),
        ("mask_feather", "-1", "from 0 to 100"),
        ("mask_feather", "101", "from 0 to 100"),
        ("mask_feather", "wide", "a whole number"),
        ("mask_mode", "green", "one of alpha, opaque, white, black, auto"),
    ],
)
def test_invalid_mask_parameter_is_refused_by_name_and_rule(name, value, rule):
    response, calls = edit(mask=file_part(box_mask(*SIZE, marked_box=BOX)), **{name: value})
    error = response.json["error"]
    assert (response.status, error["param"]) == (400, name)
    assert rule in error["message"]
    assert calls == []


@pytest.mark.parametrize("name", ["mask_mode", "mask_grow", "mask_feather"])
def test_mask_file_parameter_in_override_params_is_refused_by_name(name):
    inputs = ResolvedInputs({"prompt": "p"}, (encode_image(ORIGINAL),))
    with pytest.raises(InvalidRequest, match="override_params cannot replace") as exc_info:
        apply_overrides(validate(inputs), inputs, {name: "white"})
    assert exc_info.value.param == name


@pytest.mark.parametrize(
    ("mode", "image", "remedy", "other_words"),
    [
        ("white", Image.new("L", SIZE, 255), "preserve black", ("transparent", "shapes")),
        ("black", Image.new("L", SIZE, 0), "preserve white", ("transparent", "shapes")),
        ("alpha", Image.new("RGBA", SIZE), "opaque", ("white", "black", "shapes")),
        ("opaque", Image.new("RGBA", SIZE, "red"), "transparent", ("white", "black", "shapes")),
    ],
)
def test_full_mask_error_speaks_of_the_mode_in_use(mode, image, remedy, other_words):
    response, _ = edit(mask=file_part(encode_image(image)), mask_mode=mode)
    error = response.json["error"]
    assert (response.status, error["code"]) == (400, "mask_full")
    assert remedy in error["message"]
    assert not any(word in error["message"] for word in other_words)


def test_full_mask_error_of_shapes_speaks_of_shapes():
    whole = {"type": "box", "x": 0, "y": 0, "width": SIZE[0], "height": SIZE[1]}
    response, _ = edit(mask=json.dumps({"shapes": [whole]}))
    message = response.json["error"]["message"]
    assert "shapes" in message
    assert "transparent" not in message
    response, _ = edit(mask=json.dumps({**SHAPE, "grow": 300}))
    assert "smaller 'grow' than 300" in response.json["error"]["message"]


def test_full_mask_error_after_mask_grow_names_mask_grow():
    response, _ = edit(mask=file_part(box_mask(*SIZE, marked_box=BOX)), mask_grow="300")
    error = response.json["error"]
    assert error["code"] == "mask_full"
    assert "smaller 'mask_grow' than 300" in error["message"]


@pytest.mark.parametrize("outside", [254, 200])
def test_near_opaque_mask_leaves_unmarked_pixels_to_local_erase(outside):
    mask = Image.new("RGBA", SIZE, (0, 0, 0, outside))
    mask.paste((0, 0, 0, 0), BOX)
    response, _ = edit(model="local/erase", mask=file_part(encode_image(mask)))
    assert response.status == 200, response.json
    assert ImageChops.subtract(changed_pixels(response), box_area()).getbbox() is None
    unmarked = SIZE[0] * SIZE[1] - 120 * 100
    assert response.headers["x-retouch-preserved-pixels"] == str(unmarked)


def test_region_in_the_prompt_of_maskless_model_ignores_near_opaque_pixels():
    mask = Image.new("RGBA", SIZE, (0, 0, 0, 254))
    mask.paste((0, 0, 0, 0), BOX)
    response, _ = edit(
        {"GOOGLE_API_KEY": "k"},
        model="google/gemini-nano-banana-2.1",
        mask=file_part(encode_image(mask)),
        preserve="true",
        dry_run="true",
    )
    assert "between 16% and 67% of the width" in json.dumps(response.json)


def test_allow_full_mask_in_override_params_without_a_mask_is_refused_by_name():
    inputs = ResolvedInputs({"prompt": "p"}, (photo(),))
    with pytest.raises(InvalidRequest, match="the request has no mask") as exc_info:
        apply_overrides(validate(inputs), inputs, {"allow_full_mask": True})
    assert exc_info.value.param == "allow_full_mask"


CLEAR_CANVAS = TOOL_MASKS["canvas, red strokes on clear"]
OPAQUE_REMEDY = "if the opaque pixels mark the area to edit, send mask_mode=opaque"


def test_alpha_mask_that_marks_most_of_the_image_gets_a_note_with_the_remedy():
    response, _ = edit(mask=file_part(CLEAR_CANVAS.build()))
    marked = 1 - CLEAR_CANVAS.area.histogram()[255] / (SIZE[0] * SIZE[1])
    notes = response.headers["x-retouch-notes"]
    assert f"its transparent pixels mark {marked:.1%} of the image; {OPAQUE_REMEDY}" in notes


@pytest.mark.parametrize("mode", ["alpha", "opaque"])
def test_named_mask_mode_gets_no_note_about_another_mode(mode):
    response, _ = edit(mask=file_part(CLEAR_CANVAS.build()), mask_mode=mode)
    assert OPAQUE_REMEDY not in response.headers.get("x-retouch-notes", "")


def test_small_alpha_mask_gets_no_note_about_another_mode():
    response, _ = edit(mask=file_part(box_mask(*SIZE)))
    assert OPAQUE_REMEDY not in response.headers.get("x-retouch-notes", "")


def test_note_says_from_which_size_a_mask_was_scaled():
    small = draw_stroke().resize((SIZE[0] // 2, SIZE[1] // 2), Image.Resampling.NEAREST)
    response, calls = edit(mask=file_part(encode_image(small)), mask_mode="auto")
    sizes = f"{small.width}x{small.height} to {SIZE[0]}x{SIZE[1]}"
    assert f"mask: scaled from {sizes} without smoothing" in response.headers["x-retouch-notes"]
    area = small.resize(SIZE, Image.Resampling.NEAREST)
    unmarked = area.histogram()[0]
    assert int(response.headers["x-retouch-preserved-pixels"]) == unmarked
    assert len(calls) == 1
