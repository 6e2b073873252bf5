"""Drawn masks: what is marked, compared with the slow and obvious way, and what is refused."""

import json
import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from retouch.errors import InvalidRequest
from retouch.messages import Picture
from retouch.pixels.inspect import inspect
from retouch.pixels.shape_form import Finish
from retouch.pixels.shapes import coloured, draw_mask, marking
from tests.retouch.pixels import profiles
from tests.support.pictures import box as red_box
from tests.support.pictures import encoded, photo

SIZE = (40, 30)
BASE = Picture(b"", "png", *SIZE)
BOX = {"type": "box", "x": 10, "y": 5, "width": 20, "height": 10}
CIRCLE = {"type": "circle", "cx": 20, "cy": 15, "r": 5}
quick = settings(max_examples=60, deadline=None)
coordinates = st.one_of(st.integers(-5, 45), st.floats(-5, 45, width=32))
lengths = st.one_of(st.integers(1, 50), st.floats(0.25, 50, width=32))


def draw(*shapes, against=BASE, **rest):
    return draw_mask({"shapes": list(shapes), **rest}, against)


def drawn(*shapes, **rest):
    """The pixels marked; nothing where the mask is refused for being empty."""
    try:
        return marked(draw_mask({"shapes": list(shapes), **rest}, BASE, allow_full=True))
    except InvalidRequest as refused:
        assert refused.code == "mask_empty"
        return set()


def marked(mask):
    pixels = enumerate(mask.edit.tobytes())
    return {(at % mask.edit.width, at // mask.edit.width) for at, value in pixels if value}


def centres(inside):
    """The pixels whose centre is inside."""
    return {(x, y) for x in range(SIZE[0]) for y in range(SIZE[1]) if inside(x + 0.5, y + 0.5)}


def refused(spec, **how):
    with pytest.raises(InvalidRequest) as caught:
        draw_mask(spec, BASE, **how)
    assert caught.value.param == "mask"
    assert caught.value.status == 400
    return caught.value.code, str(caught.value)


def test_a_box_marks_exactly_its_pixels():
    mask = draw(BOX)
    assert marked(mask) == {(x, y) for x in range(10, 30) for y in range(5, 15)}
    assert (mask.edit.mode, mask.edit.size) == ("L", SIZE)
    assert (mask.coverage, mask.soft, mask.source) == (200 / 1200, False, None)


@quick
@given(coordinates, coordinates, lengths, lengths)
def test_a_box_holds_the_centres_of_its_pixels(x, y, width, height):
    shape = {"type": "box", "x": x, "y": y, "width": width, "height": height}
    assert drawn(shape) == centres(lambda a, b: x <= a < x + width and y <= b < y + height)


@quick
@given(coordinates, coordinates, lengths, lengths)
@example(20, 15, 5, 5)
def test_an_ellipse_holds_the_centres_within_its_radii(cx, cy, rx, ry):
    found = drawn({"type": "ellipse", "cx": cx, "cy": cy, "rx": rx, "ry": ry})

    def grown(by):
        return centres(lambda a, b: math.hypot((a - cx) / rx, (b - cy) / ry) <= 1 + by)

    assert grown(-1e-9) <= found <= grown(1e-9)


@quick
@given(st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=9))
def test_a_polygon_holds_what_its_outline_goes_around(points):
    found = drawn({"type": "polygon", "points": [list(p) for p in points]})

    def inside(x, y):
        odd = False
        for (ax, ay), (bx, by) in zip(points, [*points[1:], points[0]], strict=True):
            if (ay <= y) != (by <= y):
                at = ax + (y - ay) * (bx - ax) / (by - ay)
                if abs(at - x) < 1e-6:
                    raise OnTheLine
                odd ^= at <= x
        return odd

    for y in range(SIZE[1]):
        for x in range(SIZE[0]):
            try:
                expected = inside(x + 0.5, y + 0.5)
            except OnTheLine:
                continue
            assert ((x, y) in found) == expected


class OnTheLine(Exception):
    pass


def test_a_polygon_around_a_box_is_the_box():
    corners = [[10, 5], [30, 5], [30, 15], [10, 15]]
    box = marked(draw(BOX))
    assert drawn({"type": "polygon", "points": corners}) == box
    assert drawn({"type": "polygon", "points": corners[::-1]}) == box
    assert drawn({"type": "polygon", "points": [*corners, corners[0]]}) == box


def test_a_circle_is_round_and_in_its_place():
    found = marked(draw(CIRCLE))
    assert {39 - x for x, _ in found} == {x for x, _ in found}
    assert min(x for x, _ in found) == min(y for _, y in found) + 5 == 15
    assert abs(len(found) - math.pi * 25) < 5


def test_shapes_add_up():
    assert drawn(BOX, CIRCLE) == drawn(BOX) | drawn(CIRCLE)


@pytest.mark.parametrize("size", [(200, 100), (100, 200), (333, 77)])
def test_fractions_are_of_the_side_they_run_along(size):
    width, height = size
    short = min(size)
    against = Picture(b"", "png", *size)
    shapes = [
        ({"x": 0.25, "y": 0.5, "width": 0.5, "height": 0.25}, "box", (width, height) * 2),
        ({"cx": 0.5, "cy": 0.5, "r": 0.25}, "circle", (width, height, short)),
        ({"cx": 0.5, "cy": 0.5, "rx": 0.25, "ry": 0.1}, "ellipse", (width, height) * 2),
    ]
    for fields, kind, scales in shapes:
        pixels = {k: v * s for (k, v), s in zip(fields.items(), scales, strict=True)}
        one = draw({"type": kind, **fields}, against=against, unit="fraction")
        other = draw({"type": kind, **pixels}, against=against)
        assert one.edit.tobytes() == other.edit.tobytes()
    points = [[0.1, 0.1], [0.9, 0.5], [0.1, 0.9]]
    pixels = [[x * width, y * height] for x, y in points]
    one = draw({"type": "polygon", "points": points}, against=against, unit="fraction", grow=0.02)
    grow = round(0.02 * short)
    other = draw({"type": "polygon", "points": pixels}, against=against, grow=grow)
    assert one.edit.tobytes() == other.edit.tobytes()


def test_growing_widens_and_below_zero_narrows():
    assert drawn(BOX, grow=3) == drawn({**BOX, "x": 7, "y": 2, "width": 26, "height": 16})
    assert drawn(BOX, grow=-3) == drawn({**BOX, "x": 13, "y": 8, "width": 14, "height": 4})
    assert refused({"shapes": [BOX], "grow": -5})[0] == "mask_empty"


def test_inverting_marks_the_rest():
    everything = {(x, y) for x in range(40) for y in range(30)}
    assert drawn(BOX, invert=True) == everything - drawn(BOX)
    assert drawn(BOX, invert=True, grow=2) == everything - drawn(BOX, grow=2)


@quick
@given(st.integers(0, 9), st.booleans(), st.integers(-2, 4))
def test_a_feather_stays_inside(feather, invert, grow):
    hard = draw(BOX, CIRCLE, invert=invert, grow=grow)
    soft = draw(BOX, CIRCLE, invert=invert, grow=grow, feather=feather)
    assert marked(soft) <= marked(hard)
    assert soft.soft == (feather > 0)
    assert not hard.soft


def test_nothing_and_everything_are_refused():
    found, message = refused({"shapes": [{**BOX, "x": 40}]})
    assert found == "mask_empty"
    assert "40x30" in message
    whole = {"type": "box", "x": 0, "y": 0, "width": 40, "height": 30}
    found, message = refused({"shapes": [whole]})
    assert found == "mask_full"
    assert "40x30" in message
    assert draw_mask({"shapes": [whole]}, BASE, allow_full=True).coverage == 1.0


NAN, INFINITE, HUGE = float("nan"), float("inf"), 10**400


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ([BOX], "'mask'"),
        ("box", "'mask'"),
        ({}, "'mask.shapes' is missing"),
        ({"shapes": []}, "'0 shapes' for 'mask.shapes'"),
        ({"shapes": {}}, "'mask.shapes'"),
        ({"shapes": [BOX] * 101}, "'101 shapes' for 'mask.shapes'"),
        ({"shapes": [BOX, 7]}, "'7' for 'mask.shapes[1]'"),
        ({"shapes": [{**BOX, "type": "star"}]}, "'star' for 'mask.shapes[0].type'"),
        ({"shapes": [{**BOX, "type": ["box"]}]}, "'mask.shapes[0].type'"),
        ({"shapes": [{"x": 1}]}, "'mask.shapes[0].type' is missing"),
        ({"shapes": [CIRCLE, {**CIRCLE, "r": -3}]}, "'-3' for 'mask.shapes[1].r'"),
        ({"shapes": [{**CIRCLE, "r": 0}]}, "'0' for 'mask.shapes[0].r'"),
        ({"shapes": [{**CIRCLE, "r": True}]}, "'True' for 'mask.shapes[0].r'"),
        ({"shapes": [{**CIRCLE, "r": "5"}]}, "'5' for 'mask.shapes[0].r'"),
        ({"shapes": [{**CIRCLE, "cx": NAN}]}, "'nan' for 'mask.shapes[0].cx'"),
        ({"shapes": [{**CIRCLE, "cx": INFINITE}]}, "'inf' for 'mask.shapes[0].cx'"),
        ({"shapes": [{**CIRCLE, "cx": -HUGE}]}, "for 'mask.shapes[0].cx'"),
        ({"shapes": [{**BOX, "width": HUGE}]}, "for 'mask.shapes[0].width'"),
        ({"shapes": [{**CIRCLE, "cx": 65_537}]}, "'65537' for 'mask.shapes[0].cx'"),
        ({"shapes": [{"type": "circle", "cx": 1, "cy": 1}]}, "'mask.shapes[0].r' is missing"),
        ({"shapes": [{**CIRCLE, "cx": None}]}, "'mask.shapes[0].cx' is missing"),
        ({"shapes": [{**CIRCLE, "radius": 5}]}, "'radius' in 'mask.shapes[0]': a circle takes"),
        ({"shapes": [BOX], "blur": 5}, "'blur' in 'mask'"),
        ({"shapes": [BOX], 5: 5}, "'5' in 'mask'"),
        ({"shapes": [BOX], "unit": "cm"}, "'cm' for 'mask.unit'"),
        ({"shapes": [{**BOX, "x": 10}], "unit": "fraction"}, "'10' for 'mask.shapes[0].x'"),
        ({"shapes": [BOX], "invert": "true"}, "'true' for 'mask.invert'"),
        ({"shapes": [BOX], "invert": 1}, "'1' for 'mask.invert'"),
        ({"shapes": [BOX], "feather": -1}, "'-1' for 'mask.feather'"),
        ({"shapes": [BOX], "feather": 101}, "'101' for 'mask.feather'"),
        ({"shapes": [BOX], "feather": NAN}, "'nan' for 'mask.feather'"),
        ({"shapes": [BOX], "grow": 401}, "'401' for 'mask.grow'"),
        ({"shapes": [BOX], "grow": False}, "'False' for 'mask.grow'"),
        ({"shapes": [{"type": "polygon"}]}, "'mask.shapes[0].points' is missing"),
        ({"shapes": [{"type": "polygon", "points": [[1, 2], [3, 4]]}]}, "'2 points'"),
        ({"shapes": [{"type": "polygon", "points": [[1, 2]] * 1001}]}, "'1001 points'"),
        ({"shapes": [{"type": "polygon", "points": [[1, 2]] * 501}] * 2}, "'1002 points'"),
        (
            {"shapes": [{"type": "polygon", "points": [[1, 2], [3], [4, 5]]}]},
            "'[3]' for 'mask.shapes[0].points[1]'",
        ),
        (
            {"shapes": [{"type": "polygon", "points": [[1, 2], [3, "4"], [4, 5]]}]},
            "'4' for 'mask.shapes[0].points[1][1]'",
        ),
    ],
    ids=str,
)
def test_what_is_wrong_is_named(spec, name):
    found, message = refused(spec)
    assert found == "invalid_mask_shape"
    assert name in message
    assert len(message) < 300
    assert any(word in message for word in ("must be", "takes"))


def test_outlines_that_would_take_seconds_are_refused_at_once():
    tall = Picture(b"", "png", 3000, 16_000)
    zigzag = [[3 * n, 16_000 * (n % 2)] for n in range(1000)]
    with pytest.raises(InvalidRequest) as caught:
        draw({"type": "polygon", "points": zigzag}, against=tall)
    assert caught.value.code == "invalid_mask_shape"
    assert "crossings" in str(caught.value)
    assert draw({"type": "polygon", "points": zigzag[:60]}, against=tall).coverage > 0.01


def test_another_parameters_name_is_used_throughout():
    with pytest.raises(InvalidRequest) as caught:
        draw_mask({"shapes": [{**CIRCLE, "r": -1}]}, BASE, param="region")
    assert caught.value.param == "region"
    assert "'region.shapes[0].r'" in str(caught.value)


@settings(max_examples=150, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["shapes", "type", "x", "r", "points", "unit", "grow", "z"]), inner
            )
        ),
        max_leaves=12,
    )
)
def test_whatever_json_comes_it_is_a_mask_or_a_refusal(value):
    json.dumps(value)
    spec = value if isinstance(value, dict) else {"shapes": [value]}
    try:
        assert draw_mask(spec, BASE).edit.size == SIZE
    except InvalidRequest as refusal:
        assert refusal.code in ("invalid_mask_shape", "mask_empty", "mask_full")


def mask_from_colour(*colour):
    return marking(coloured(*colour), Finish(), param="mask", allow_full=True)


def test_a_colour_of_the_picture_marks():
    picture = inspect(photo(60, 60))
    mask = mask_from_colour(picture, (225, 25, 32), 5)
    left, top, right, bottom = red_box(60, 60)
    assert marked(mask) == {(x, y) for x in range(left, right + 1) for y in range(top, bottom + 1)}
    assert not mask.soft
    with pytest.raises(InvalidRequest) as caught:
        mask_from_colour(picture, (226, 25, 32), 5)
    assert caught.value.code == "mask_empty"


def test_tolerance_is_per_channel_and_inclusive():
    image = Image.new("RGB", (4, 1))
    for x, colour in enumerate([(100, 100, 100), (105, 95, 100), (106, 100, 100), (100, 100, 94)]):
        image.putpixel((x, 0), colour)
    mask = mask_from_colour(inspect(encoded(image)), (100, 100, 100), 5)
    assert list(mask.edit.tobytes()) == [255, 255, 0, 0]


def test_colours_are_those_that_are_seen():
    data = encoded(Image.new("RGB", (4, 4), (200, 40, 40)), "PNG", icc_profile=profiles.mixed_up())
    assert mask_from_colour(inspect(data), (40, 40, 200), 3).coverage == 1.0
    clear = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
    assert mask_from_colour(inspect(encoded(clear)), (255, 255, 255), 0).coverage == 1.0
