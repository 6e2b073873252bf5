"""Masks in any form mean one thing, and reach the provider in its own words."""

import io
import json

import pytest
from PIL import Image

from tests.support.door import edit, knock, png
from tests.support.events import json_event
from tests.support.pictures import data_url, encoded, hole, photo

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
