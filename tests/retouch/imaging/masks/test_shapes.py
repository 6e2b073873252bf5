"""Tests of drawn masks: the marked pixels, compared with a slow and simple implementation, and rejected shapes."""

import json
import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from retouch.core.edit_types import EncodedImage
from retouch.core.errors import InvalidRequest
from retouch.imaging.inspect import inspect_image
from retouch.imaging.masks.adjust import MaskAdjustments
from retouch.imaging.masks.shapes import adjust_mask, draw_mask, select_colour
from tests.retouch.imaging import icc_profiles
from tests.support.images import center_box as red_box
from tests.support.images import encode_image, photo

SIZE = (40, 30)
REFERENCE_IMAGE = EncodedImage(b"", "png", *SIZE)
BOX = {"type": "box", "x": 10, "y": 5, "width": 20, "height": 10}
CIRCLE = {"type": "circle", "cx": 20, "cy": 15, "r": 5}
quick_settings = settings(max_examples=60, deadline=None)
coordinates = st.one_of(st.integers(-5, 45), st.floats(-5, 45, width=32))
lengths = st.one_of(st.integers(1, 50), st.floats(0.25, 50, width=32))


def draw_shapes(*shapes, reference=REFERENCE_IMAGE, **options):
    return draw_mask({"shapes": list(shapes), **options}, reference)


def drawn_pixels(*shapes, **options):
    """Return the marked pixels, or an empty set when the mask is rejected as empty."""
    try:
        return marked_pixels(draw_shapes(*shapes, **options))
    except InvalidRequest as refused:
        assert refused.code == "mask_empty"
        return set()


def marked_pixels(mask):
    pixels = enumerate(mask.pixels.tobytes())
    return {
        (index % mask.pixels.width, index // mask.pixels.width) for index, value in pixels if value
    }


def pixels_with_centre_inside(inside):
    """Return the pixels whose centre is inside."""
    return {(x, y) for x in range(SIZE[0]) for y in range(SIZE[1]) if inside(x + 0.5, y + 0.5)}


def rejection_of(spec, **options):
    with pytest.raises(InvalidRequest) as exc_info:
        draw_mask(spec, REFERENCE_IMAGE, **options)
    assert exc_info.value.param == "mask"
    assert exc_info.value.status == 400
    return exc_info.value.code, str(exc_info.value)


def test_box_marks_exactly_its_pixels():
    mask = draw_shapes(BOX)
    assert marked_pixels(mask) == {(x, y) for x in range(10, 30) for y in range(5, 15)}
    assert (mask.pixels.mode, mask.pixels.size) == ("L", SIZE)
    assert (mask.coverage, mask.has_soft_edges, mask.source_file) == (200 / 1200, False, None)


@quick_settings
@given(coordinates, coordinates, lengths, lengths)
def test_box_marks_pixels_with_centre_inside(x, y, width, height):
    shape = {"type": "box", "x": x, "y": y, "width": width, "height": height}
    assert drawn_pixels(shape) == pixels_with_centre_inside(
        lambda a, b: x <= a < x + width and y <= b < y + height
    )


@quick_settings
@given(coordinates, coordinates, lengths, lengths)
@example(20, 15, 5, 5)
def test_ellipse_marks_pixels_with_centre_inside(cx, cy, rx, ry):
    pixels = drawn_pixels({"type": "ellipse", "cx": cx, "cy": cy, "rx": rx, "ry": ry})

    def pixels_within(tolerance):
        return pixels_with_centre_inside(
            lambda a, b: math.hypot((a - cx) / rx, (b - cy) / ry) <= 1 + tolerance
        )

    assert pixels_within(-1e-9) <= pixels <= pixels_within(1e-9)


@quick_settings
@given(st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=9))
def test_polygon_marks_pixels_with_centre_inside(points):
    pixels = drawn_pixels({"type": "polygon", "points": [list(p) for p in points]})

    def is_inside(x, y):
        odd = False
        for (ax, ay), (bx, by) in zip(points, [*points[1:], points[0]], strict=True):
            if (ay <= y) != (by <= y):
                crossing = ax + (y - ay) * (bx - ax) / (by - ay)
                if abs(crossing - x) < 1e-6:
                    raise PointOnOutline
                odd ^= crossing <= x
        return odd

    for y in range(SIZE[1]):
        for x in range(SIZE[0]):
            try:
                expected = is_inside(x + 0.5, y + 0.5)
            except PointOnOutline:
                continue
            assert ((x, y) in pixels) == expected


class PointOnOutline(Exception):
    pass


def test_polygon_with_corners_of_box_equals_box():
    corners = [[10, 5], [30, 5], [30, 15], [10, 15]]
    box = marked_pixels(draw_shapes(BOX))
    assert drawn_pixels({"type": "polygon", "points": corners}) == box
    assert drawn_pixels({"type": "polygon", "points": corners[::-1]}) == box
    assert drawn_pixels({"type": "polygon", "points": [*corners, corners[0]]}) == box


def test_circle_is_round_and_in_position():
    pixels = marked_pixels(draw_shapes(CIRCLE))
    assert {39 - x for x, _ in pixels} == {x for x, _ in pixels}
    assert min(x for x, _ in pixels) == min(y for _, y in pixels) + 5 == 15
    assert abs(len(pixels) - math.pi * 25) < 5


def test_several_shapes_mark_their_union():
    assert drawn_pixels(BOX, CIRCLE) == drawn_pixels(BOX) | drawn_pixels(CIRCLE)


@pytest.mark.parametrize("size", [(200, 100), (100, 200), (333, 77)])
def test_fraction_unit_is_relative_to_the_matching_side(size):
    width, height = size
    short = min(size)
    reference = EncodedImage(b"", "png", *size)
    shapes = [
        ({"x": 0.25, "y": 0.5, "width": 0.5, "height": 0.25}, "box", (width, height) * 2),
        ({"cx": 0.5, "cy": 0.5, "r": 0.25}, "circle", (width, height, short)),
        ({"cx": 0.5, "cy": 0.5, "rx": 0.25, "ry": 0.1}, "ellipse", (width, height) * 2),
    ]
    for fields, kind, scales in shapes:
        pixels = {k: v * s for (k, v), s in zip(fields.items(), scales, strict=True)}
        by_fraction = draw_shapes({"type": kind, **fields}, reference=reference, unit="fraction")
        by_pixels = draw_shapes({"type": kind, **pixels}, reference=reference)
        assert by_fraction.pixels.tobytes() == by_pixels.pixels.tobytes()
    points = [[0.1, 0.1], [0.9, 0.5], [0.1, 0.9]]
    pixel_points = [[x * width, y * height] for x, y in points]
    by_fraction = draw_shapes(
        {"type": "polygon", "points": points}, reference=reference, unit="fraction", grow=0.02
    )
    grow = round(0.02 * short)
    by_pixels = draw_shapes(
        {"type": "polygon", "points": pixel_points}, reference=reference, grow=grow
    )
    assert by_fraction.pixels.tobytes() == by_pixels.pixels.tobytes()


def test_positive_grow_widens_and_negative_grow_narrows():
    assert drawn_pixels(BOX, grow=3) == drawn_pixels(
        {**BOX, "x": 7, "y": 2, "width": 26, "height": 16}
    )
    assert drawn_pixels(BOX, grow=-3) == drawn_pixels(
        {**BOX, "x": 13, "y": 8, "width": 14, "height": 4}
    )
    assert rejection_of({"shapes": [BOX], "grow": -5})[0] == "mask_empty"


def test_invert_marks_the_remaining_pixels():
    everything = {(x, y) for x in range(40) for y in range(30)}
    assert drawn_pixels(BOX, invert=True) == everything - drawn_pixels(BOX)
    assert drawn_pixels(BOX, invert=True, grow=2) == everything - drawn_pixels(BOX, grow=2)


@quick_settings
@given(st.integers(0, 9), st.booleans(), st.integers(-2, 4))
def test_feather_marks_nothing_outside_shapes(feather, invert, grow):
    hard = draw_shapes(BOX, CIRCLE, invert=invert, grow=grow)
    soft = draw_shapes(BOX, CIRCLE, invert=invert, grow=grow, feather=feather)
    assert marked_pixels(soft) <= marked_pixels(hard)
    assert soft.has_soft_edges == (feather > 0)
    assert not hard.has_soft_edges


def test_empty_mask_is_rejected_and_full_mask_is_drawn():
    code, message = rejection_of({"shapes": [{**BOX, "x": 40}]})
    assert code == "mask_empty"
    assert "40x30" in message
    whole = {"type": "box", "x": 0, "y": 0, "width": 40, "height": 30}
    assert draw_mask({"shapes": [whole]}, REFERENCE_IMAGE).coverage == 1.0


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
def test_invalid_shape_error_names_value_and_field(spec, name):
    code, message = rejection_of(spec)
    assert code == "invalid_mask_shape"
    assert name in message
    assert len(message) < 300
    assert any(word in message for word in ("must be", "takes"))


def test_polygon_with_too_many_crossings_is_rejected():
    tall_image = EncodedImage(b"", "png", 3000, 16_000)
    zigzag = [[3 * n, 16_000 * (n % 2)] for n in range(1000)]
    with pytest.raises(InvalidRequest) as exc_info:
        draw_shapes({"type": "polygon", "points": zigzag}, reference=tall_image)
    assert exc_info.value.code == "invalid_mask_shape"
    assert "crossings" in str(exc_info.value)
    assert (
        draw_shapes({"type": "polygon", "points": zigzag[:60]}, reference=tall_image).coverage
        > 0.01
    )


def test_param_argument_is_used_in_error_and_message():
    with pytest.raises(InvalidRequest) as exc_info:
        draw_mask({"shapes": [{**CIRCLE, "r": -1}]}, REFERENCE_IMAGE, param="region")
    assert exc_info.value.param == "region"
    assert "'region.shapes[0].r'" in str(exc_info.value)


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
def test_any_json_gives_mask_or_invalid_request(value):
    json.dumps(value)
    spec = value if isinstance(value, dict) else {"shapes": [value]}
    try:
        assert draw_mask(spec, REFERENCE_IMAGE).pixels.size == SIZE
    except InvalidRequest as refusal:
        assert refusal.code in ("invalid_mask_shape", "mask_empty")


def build_mask_from_colour(*colour):
    return adjust_mask(select_colour(*colour), MaskAdjustments(), param="mask")


def test_colour_within_tolerance_is_marked():
    image = inspect_image(photo(60, 60))
    mask = build_mask_from_colour(image, (225, 25, 32), 5)
    left, top, right, bottom = red_box(60, 60)
    assert marked_pixels(mask) == {
        (x, y) for x in range(left, right + 1) for y in range(top, bottom + 1)
    }
    assert not mask.has_soft_edges
    with pytest.raises(InvalidRequest) as exc_info:
        build_mask_from_colour(image, (226, 25, 32), 5)
    assert exc_info.value.code == "mask_empty"


def test_colour_tolerance_is_per_channel_and_inclusive():
    image = Image.new("RGB", (4, 1))
    for x, colour in enumerate([(100, 100, 100), (105, 95, 100), (106, 100, 100), (100, 100, 94)]):
        image.putpixel((x, 0), colour)
    mask = build_mask_from_colour(inspect_image(encode_image(image)), (100, 100, 100), 5)
    assert list(mask.pixels.tobytes()) == [255, 255, 0, 0]


def test_colour_is_matched_in_srgb_on_white():
    data = encode_image(
        Image.new("RGB", (4, 4), (200, 40, 40)),
        "PNG",
        icc_profile=icc_profiles.red_blue_swapped_profile(),
    )
    assert build_mask_from_colour(inspect_image(data), (40, 40, 200), 3).coverage == 1.0
    clear = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
    assert (
        build_mask_from_colour(inspect_image(encode_image(clear)), (255, 255, 255), 0).coverage
        == 1.0
    )
