"""Masks in any form mean one thing, and reach the provider in its own words."""

import io
import json
import random
from dataclasses import replace

import pytest
from PIL import Image

from retouch.cards import ALPHA, Model
from retouch.errors import InvalidRequest
from retouch.messages import Job
from retouch.pixels.inspect import inspect
from retouch.pixels.mask import read_mask
from retouch.prepare import prepare
from tests.support.door import edit, knock, png
from tests.support.events import json_event
from tests.support.pictures import data_url, encoded, hole, opened, photo

SIZE = (100, 80)
BOX = (30, 20, 70, 50)
SHAPES = {"shapes": [{"type": "box", "x": 30, "y": 20, "width": 40, "height": 30}]}


def drawn(inside, outside, mode="L"):
    image = Image.new(mode, SIZE, outside)
    image.paste(inside, BOX)
    return encoded(image)


FORMS = {
    "alpha": {"mask": png(hole(*SIZE, at=BOX))},
    "white": {"mask": png(drawn(255, 0)), "mask_mode": "white"},
    "black": {"mask": png(drawn(0, 255)), "mask_mode": "black"},
    "colour": {"mask": png(drawn("white", "black", "RGB")), "mask_mode": "white"},
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


def marked(sent):
    """The transparent pixels of a mask as white on black; anything half transparent fails."""
    alpha = Image.open(io.BytesIO(sent)).getchannel("A")
    assert set(alpha.tobytes()) <= {0, 255}
    return alpha.point(lambda value: 255 - value)


def count(mask):
    return mask.histogram()[255]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_arrives_as_the_same_transparent_box(form, upstream, env):
    fields = {
        "model": "gpt-image-2",
        "prompt": "p",
        "image": png(photo(*SIZE)),
        "preserve": "false",
    }
    answer = edit({**fields, **FORMS[form]}, env)
    assert answer.status == 200, answer.json
    name, _, mime, sent = upstream.calls[0].files[1]
    assert (name, mime) == ("mask", "image/png")
    wanted = Image.new("L", SIZE)
    wanted.paste(255, BOX)
    assert marked(sent).tobytes() == wanted.tobytes()


def test_shapes_in_a_json_body(upstream, env):
    answer = knock(
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
    assert answer.status == 200, answer.json
    assert count(marked(upstream.calls[0].files[1][3])) == 40 * 30


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
        ({"mask": png(hole(*SIZE, at=(0, 0, *SIZE)))}, "mask_full", "mask"),
        ({"mask": png(drawn(0, 0)), "mask_mode": "white"}, "mask_empty", "mask"),
        ({"mask": png(drawn(255, 0))}, "mask_without_alpha", "mask"),
        ({"mask": png(hole(99, 80)), "mask_mode": "alpha"}, "mask_size_mismatch", "mask"),
        ({"mask": png(hole(*SIZE)), "mask_mode": "green"}, "invalid_value", "mask_mode"),
    ],
)
def test_refused_before_paying(fields, code, param, upstream, env):
    base = {"model": "gpt-image-2", "prompt": "p", "image": png(photo(*SIZE))}
    answer = edit({**base, **fields}, env)
    error = answer.json["error"]
    assert (answer.status, error["code"], error["param"]) == (400, code, param)
    assert upstream.received == []


def test_a_full_mask_is_taken_where_it_is_allowed(upstream, env):
    full = {"mask": png(hole(*SIZE, at=(0, 0, *SIZE))), "allow_full_mask": "true"}
    answer = edit({"model": "gpt-image-2", "prompt": "p", "image": png(photo(*SIZE)), **full}, env)
    assert answer.status == 200
    assert count(marked(upstream.calls[0].files[1][3])) == 100 * 80


def sent_mask(mask, upstream, env, size=SIZE):
    image = png(encoded(Image.new("RGB", size)))
    fields = {"model": "gpt-image-2", "prompt": "p", "image": image, "preserve": "false"}
    answer = edit({**fields, "mask": png(mask)}, env)
    assert answer.status == 200, answer.json
    return upstream.calls[0].files[1][3]


def test_a_large_file_is_no_trouble_where_its_mask_is_small(upstream, env):
    noise = Image.frombytes("RGB", (1200, 1200), random.Random(1).randbytes(1200 * 1200 * 3))
    holed = noise.convert("RGBA")
    holed.paste((0, 0, 0, 0), (10, 10, 300, 300))
    large = encoded(holed)
    assert len(large) > 4_000_000
    sent = sent_mask(large, upstream, env, holed.size)
    assert len(sent) < 10_000
    assert count(marked(sent)) == 290 * 290


def test_a_mask_is_packed_before_it_is_refused_and_stays_what_the_model_reads():
    noise = Image.frombytes("L", (80, 80), random.Random(1).randbytes(6400))
    image = inspect(encoded(Image.new("L", noise.size)))
    mask = read_mask(encoded(Image.merge("LA", (noise, noise))), image)
    written = prepare(Job("m", "p", (image,), mask), Model(id="m", mask=ALPHA)).mask_file
    card = Model(id="m", mask=ALPHA, mask_bytes=len(written.data))
    packed = prepare(Job("m", "p", (image,), mask), card).mask_file
    assert len(packed.data) < len(written.data)
    assert opened(packed.data).mode == "RGBA"
    assert opened(packed.data).tobytes() == opened(written.data).tobytes()
    with pytest.raises(InvalidRequest, match="it must be under 100") as refused:
        prepare(Job("m", "p", (image,), mask), replace(card, mask_bytes=100))
    assert (refused.value.code, refused.value.param) == ("image_file_too_large", "mask")


def of_palette():
    image = drawn(1, 0, "P")
    found = opened(image)
    found.putpalette([0, 0, 0, 255, 255, 255])
    return encoded(found, transparency=1)


@pytest.mark.parametrize(
    "mask",
    [
        of_palette(),
        encoded(opened(hole(*SIZE, at=BOX)).convert("LA")),
        encoded(opened(drawn(7, 200)), transparency=7),
        encoded(opened(drawn("red", "blue", "RGB")), transparency=(255, 0, 0)),
    ],
    ids=["palette", "grey and alpha", "grey with a key", "colour with a key"],
)
def test_every_mode_goes_out_as_rgba(mask, upstream, env):
    sent = opened(sent_mask(mask, upstream, env))
    assert sent.mode == "RGBA"
    wanted = Image.new("L", SIZE, 255)
    wanted.paste(0, BOX)
    assert sent.getchannel("A").tobytes() == wanted.tobytes()


def test_a_mask_that_is_right_is_sent_as_it_came(upstream, env):
    mask = hole(*SIZE, at=BOX)
    assert sent_mask(mask, upstream, env) == mask
