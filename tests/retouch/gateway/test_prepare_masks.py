"""Tests of masks: every form marks the same area, and the provider receives it in its own format."""

import io
import json
import random
from dataclasses import replace

import pytest
from PIL import Image

from retouch.core.capabilities import ALPHA_MASK, ModelCapabilities
from retouch.core.errors import InvalidRequest
from retouch.core.provider_protocol import ProviderJob
from retouch.gateway.prepare import prepare_job
from retouch.imaging.inspect import inspect_image
from retouch.imaging.masks.read import read_mask
from tests.support.events import json_event
from tests.support.gateway_client import file_part, post_edit, send_event
from tests.support.images import box_mask, data_url, decode_image, encode_image, photo

SIZE = (100, 80)
BOX = (30, 20, 70, 50)
SHAPES = {"shapes": [{"type": "box", "x": 30, "y": 20, "width": 40, "height": 30}]}


def box_image(inside, outside, mode="L"):
    image = Image.new(mode, SIZE, outside)
    image.paste(inside, BOX)
    return encode_image(image)


MASK_FORMS = {
    "alpha": {"mask": file_part(box_mask(*SIZE, marked_box=BOX))},
    "white": {"mask": file_part(box_image(255, 0)), "mask_mode": "white"},
    "black": {"mask": file_part(box_image(0, 255)), "mask_mode": "black"},
    "colour": {"mask": file_part(box_image("white", "black", "RGB")), "mask_mode": "white"},
    "shapes": {"mask": json.dumps(SHAPES)},
    "fractions": {
        "mask": json.dumps(
            {
                "unit": "fraction",
                "shapes": [{"type": "box", "x": 0.3, "y": 0.25, "width": 0.4, "height": 0.375}],
            }
        )
    },
    "inverted": {
        "mask": json.dumps(
            {
                "shapes": [
                    {"type": "box", "x": 0, "y": 0, "width": 100, "height": 20},
                    {"type": "box", "x": 0, "y": 50, "width": 100, "height": 30},
                    {"type": "box", "x": 0, "y": 0, "width": 30, "height": 80},
                    {"type": "box", "x": 70, "y": 0, "width": 30, "height": 80},
                ],
                "invert": True,
            }
        )
    },
}


def marked_area(sent):
    """Return the transparent pixels of a mask as white on black. A half transparent pixel fails the test."""
    alpha = Image.open(io.BytesIO(sent)).getchannel("A")
    assert set(alpha.tobytes()) <= {0, 255}
    return alpha.point(lambda value: 255 - value)


def count_marked(mask):
    return mask.histogram()[255]


@pytest.mark.parametrize("form", MASK_FORMS)
def test_every_mask_form_is_sent_as_the_same_transparent_box(form, upstream, env):
    fields = {
        "model": "gpt-image-2",
        "prompt": "p",
        "image": file_part(photo(*SIZE)),
        "preserve": "false",
    }
    response = post_edit({**fields, **MASK_FORMS[form]}, env)
    assert response.status == 200, response.json
    name, _, mime, sent = upstream.calls[0].files[1]
    assert (name, mime) == ("mask", "image/png")
    expected = Image.new("L", SIZE)
    expected.paste(255, BOX)
    assert marked_area(sent).tobytes() == expected.tobytes()


def test_mask_shapes_in_json_body_are_sent_as_mask_file(upstream, env):
    response = send_event(
        json_event(
            {
                "model": "gpt-image-2",
                "prompt": "p",
                "images": [{"image_url": data_url(photo(*SIZE))}],
                "mask": SHAPES,
                "preserve": False,
            }
        ),
        env,
    )
    assert response.status == 200, response.json
    assert count_marked(marked_area(upstream.calls[0].files[1][3])) == 40 * 30


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({"mask": "{"}, "invalid_json", "mask"),
        ({"mask": json.dumps({"shapes": []})}, "invalid_mask_shape", "mask"),
        ({"mask": json.dumps({"shapes": [{"type": "star"}]})}, "invalid_mask_shape", "mask"),
        (
            {"mask": json.dumps({"shapes": [{"type": "circle", "cx": 900, "cy": 900, "r": 5}]})},
            "mask_empty",
            "mask",
        ),
        ({"mask": json.dumps(SHAPES), "mask_mode": "white"}, "invalid_value", "mask_mode"),
        ({"mask_mode": "white"}, "invalid_value", "mask_mode"),
        ({"mask": file_part(box_mask(*SIZE, marked_box=(0, 0, *SIZE)))}, "mask_full", "mask"),
        ({"mask": file_part(box_image(0, 0)), "mask_mode": "white"}, "mask_empty", "mask"),
        ({"mask": file_part(box_image(255, 0))}, "mask_without_alpha", "mask"),
        ({"mask": file_part(box_mask(99, 80)), "mask_mode": "alpha"}, "mask_size_mismatch", "mask"),
        ({"mask": file_part(box_mask(*SIZE)), "mask_mode": "green"}, "invalid_value", "mask_mode"),
    ],
)
def test_invalid_mask_is_rejected_before_provider_call(fields, code, param, upstream, env):
    base = {"model": "gpt-image-2", "prompt": "p", "image": file_part(photo(*SIZE))}
    response = post_edit({**base, **fields}, env)
    error = response.json["error"]
    assert (response.status, error["code"], error["param"]) == (400, code, param)
    assert upstream.received == []


def test_full_mask_is_accepted_with_allow_full_mask(upstream, env):
    full = {"mask": file_part(box_mask(*SIZE, marked_box=(0, 0, *SIZE))), "allow_full_mask": "true"}
    response = post_edit(
        {"model": "gpt-image-2", "prompt": "p", "image": file_part(photo(*SIZE)), **full}, env
    )
    assert response.status == 200
    assert count_marked(marked_area(upstream.calls[0].files[1][3])) == 100 * 80


def mask_sent_upstream(mask, upstream, env, size=SIZE):
    image = file_part(encode_image(Image.new("RGB", size)))
    fields = {"model": "gpt-image-2", "prompt": "p", "image": image, "preserve": "false"}
    response = post_edit({**fields, "mask": file_part(mask)}, env)
    assert response.status == 200, response.json
    return upstream.calls[0].files[1][3]


def test_large_mask_file_is_sent_as_small_mask(upstream, env):
    noise = Image.frombytes("RGB", (1200, 1200), random.Random(1).randbytes(1200 * 1200 * 3))
    image_with_hole = noise.convert("RGBA")
    image_with_hole.paste((0, 0, 0, 0), (10, 10, 300, 300))
    large = encode_image(image_with_hole)
    assert len(large) > 4_000_000
    sent = mask_sent_upstream(large, upstream, env, image_with_hole.size)
    assert len(sent) < 10_000
    assert count_marked(marked_area(sent)) == 290 * 290


def test_mask_over_size_limit_is_recompressed_before_it_is_rejected():
    noise = Image.frombytes("L", (80, 80), random.Random(1).randbytes(6400))
    image = inspect_image(encode_image(Image.new("L", noise.size)))
    mask = read_mask(encode_image(Image.merge("LA", (noise, noise))), image)
    written = prepare_job(
        ProviderJob("m", "p", (image,), mask), ModelCapabilities(id="m", mask_format=ALPHA_MASK)
    ).mask_file
    assert written is not None
    model = ModelCapabilities(id="m", mask_format=ALPHA_MASK, max_mask_bytes=len(written.data))
    packed = prepare_job(ProviderJob("m", "p", (image,), mask), model).mask_file
    assert packed is not None
    assert len(packed.data) < len(written.data)
    assert decode_image(packed.data).mode == "RGBA"
    assert decode_image(packed.data).tobytes() == decode_image(written.data).tobytes()
    with pytest.raises(InvalidRequest, match="it must be under 100") as exc_info:
        prepare_job(ProviderJob("m", "p", (image,), mask), replace(model, max_mask_bytes=100))
    assert (exc_info.value.code, exc_info.value.param) == ("image_file_too_large", "mask")


def palette_mask():
    image = box_image(1, 0, "P")
    opened_image = decode_image(image)
    opened_image.putpalette([0, 0, 0, 255, 255, 255])
    return encode_image(opened_image, transparency=1)


@pytest.mark.parametrize(
    "mask",
    [
        palette_mask(),
        encode_image(decode_image(box_mask(*SIZE, marked_box=BOX)).convert("LA")),
        encode_image(decode_image(box_image(7, 200)), transparency=7),
        encode_image(decode_image(box_image("red", "blue", "RGB")), transparency=(255, 0, 0)),
    ],
    ids=["palette", "grey and alpha", "grey with a key", "colour with a key"],
)
def test_mask_of_every_image_mode_is_sent_as_rgba(mask, upstream, env):
    sent = decode_image(mask_sent_upstream(mask, upstream, env))
    assert sent.mode == "RGBA"
    expected = Image.new("L", SIZE, 255)
    expected.paste(0, BOX)
    assert sent.getchannel("A").tobytes() == expected.tobytes()


def test_valid_mask_file_is_sent_unchanged(upstream, env):
    mask = box_mask(*SIZE, marked_box=BOX)
    assert mask_sent_upstream(mask, upstream, env) == mask
