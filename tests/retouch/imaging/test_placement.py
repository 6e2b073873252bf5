"""Tests of placements: the result has the original geometry, and the content returns to its original position."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageDraw

from retouch.core.geometry import Placement, full_canvas_placement
from retouch.imaging.placement import (
    has_canvas_shape,
    locate_image,
    pad_to_ratio,
    place_image,
    place_mask,
    undo_placement,
)
from tests.retouch.imaging.strategies import noise_image
from tests.support.images import color_counts

sides = st.integers(1, 400)
sizes = st.tuples(sides, sides)
ratios = st.sampled_from([(1, 1), (16, 9), (9, 16), (4, 3), (3, 2), (21, 9), (4, 5)])
quick_settings = settings(max_examples=80, deadline=None)


@st.composite
def placements(draw):
    size = draw(sizes)
    if draw(st.booleans()):
        return pad_to_ratio(size, draw(ratios))
    inner, (right, below), (left, above) = draw(sizes), draw(sizes), draw(sizes)
    return placement_of(
        size, inner, (inner[0] + left + right, inner[1] + above + below), (left, above)
    )


def placement_of(size, inner_size, canvas, corner=None):
    """Return a placement of the image scaled to `inner_size`, at that corner of the canvas or in its middle."""
    left, top = corner or ((canvas[0] - inner_size[0]) // 2, (canvas[1] - inner_size[1]) // 2)
    return Placement(canvas, (left, top, left + inner_size[0], top + inner_size[1]), size)


def max_difference(first, second):
    return max(high for _, high in bands(ImageChops.difference(first, second)))


def bands(image):
    return [band.getextrema() for band in image.split()]


@quick_settings
@given(placements(), st.sampled_from(["edge", "transparent", "white"]), st.integers(1, 7))
def test_undo_restores_original_size_for_any_result_size(placement, fill, third):
    sent = place_image(placement, Image.new("RGB", placement.original, "red"), fill=fill)
    assert sent.size == placement.canvas
    provider_result = sent.resize(tuple(max(1, side * third // 3) for side in sent.size))
    assert undo_placement(placement, provider_result).size == placement.original


@quick_settings
@given(sizes, ratios)
def test_pad_to_ratio_is_exact_to_the_pixel_and_minimal(size, ratio):
    placement = pad_to_ratio(size, ratio)
    assert placement.size_on_canvas == placement.original == size
    width, height = placement.canvas
    assert (width == size[0]) or (height == size[1])
    assert abs(width * ratio[1] - height * ratio[0]) <= max(ratio) / 2
    left, top, right, bottom = placement.box
    assert 0 <= width - right - left <= 1
    assert 0 <= height - bottom - top <= 1


@quick_settings
@given(sizes, ratios, st.sampled_from(["L", "RGB", "RGBA"]), st.integers(0, 99))
def test_padded_image_is_restored_exactly(size, ratio, mode, seed):
    image = noise_image(mode, size, seed)
    placement = pad_to_ratio(size, ratio)
    for fill in ("edge", "transparent", "white"):
        result = undo_placement(placement, place_image(placement, image, fill=fill))
        assert result.convert("RGBA").tobytes() == image.convert("RGBA").tobytes()


@quick_settings
@given(sizes, ratios, st.integers(2, 3), st.integers(0, 99))
def test_result_scaled_by_whole_factor_is_restored_without_padding(size, ratio, times, seed):
    """Each pixel becomes a square. Averaged back, it is the same pixel, without any part of the padding."""
    image = noise_image("RGB", size, seed).resize(size)
    placement = pad_to_ratio(size, ratio)
    sent = place_image(placement, image, fill="white")
    blocks = sent.resize(tuple(side * times for side in sent.size), Image.Resampling.NEAREST)
    restored = undo_placement(placement, blocks)
    alone = image.resize(tuple(side * times for side in size), Image.Resampling.NEAREST)
    assert max_difference(restored, alone.resize(size, Image.Resampling.LANCZOS)) <= 1


@pytest.mark.parametrize("scale", [0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 0.977])
@pytest.mark.parametrize("ratio", [(1, 1), (16, 9), (9, 16)])
def test_gradient_is_restored_at_the_same_position(scale, ratio):
    size = (317, 211)
    image = gradient_image(size)
    placement = pad_to_ratio(size, ratio)
    sent = place_image(placement, image, fill="edge")
    provider_result = sent.resize(
        tuple(round(side * scale) for side in sent.size), Image.Resampling.BICUBIC
    )
    inner = (4, 4, size[0] - 4, size[1] - 4)
    assert (
        max_difference(undo_placement(placement, provider_result).crop(inner), image.crop(inner))
        <= 1
    )


@pytest.mark.parametrize("scale", [0.5, 2 / 3, 1.0, 1.5, 2.0])
@pytest.mark.parametrize("seed", range(6))
def test_marker_is_restored_within_one_pixel(scale, seed):
    source = random.Random(seed)
    size = (source.randint(150, 260), source.randint(150, 260))
    x, y = source.randint(20, size[0] - 40), source.randint(20, size[1] - 40)
    image = Image.new("L", size)
    image.paste(255, (x, y, x + 12, y + 12))
    placement = pad_to_ratio(size, (3, 2))
    sent = place_image(placement, image, fill="edge")
    provider_result = sent.resize(tuple(round(side * scale) for side in sent.size))
    box = (
        undo_placement(placement, provider_result).point(lambda v: 255 if v > 127 else 0).getbbox()
    )
    assert box is not None
    assert all(abs(a - b) <= 1 for a, b in zip(box, (x, y, x + 12, y + 12), strict=True))


def test_shrunken_image_is_restored_in_place():
    size = (1001, 777)
    image = gradient_image(size)
    for placement in (
        placement_of(size, (496, 384), (496, 384)),
        placement_of(size, (512, 397), (512, 512)),
    ):
        result = undo_placement(placement, place_image(placement, image, fill="edge"))
        inner = (8, 8, size[0] - 8, size[1] - 8)
        assert max_difference(result.crop(inner), image.crop(inner)) <= 2


def test_edge_fill_repeats_border_pixels_on_all_sides():
    image = noise_image("RGB", (4, 4), 1)
    placement = placement_of((4, 4), (4, 4), (10, 8))
    assert placement.box == (3, 2, 7, 6)
    sent = place_image(placement, image, fill="edge")
    for x in range(10):
        for y in range(8):
            nearest = (min(max(x - 3, 0), 3), min(max(y - 2, 0), 3))
            assert sent.getpixel((x, y)) == image.getpixel(nearest)


def test_transparent_and_white_fill_give_their_colour():
    placement = placement_of((4, 4), (4, 4), (8, 8))
    image = Image.new("RGB", (4, 4), (1, 2, 3))
    transparent = place_image(placement, image, fill="transparent")
    assert (transparent.getpixel((0, 0)), transparent.getpixel((4, 4))) == (
        (0, 0, 0, 0),
        (1, 2, 3, 255),
    )
    assert place_image(placement, image, fill="white").getpixel((0, 0)) == (255, 255, 255)
    assert place_image(placement, Image.new("L", (4, 4)), fill="white").getpixel((0, 0)) == 255
    assert (
        place_image(placement, Image.new("RGBA", (4, 4)), fill="white").getpixel((0, 0))
        == (255,) * 4
    )


@quick_settings
@given(sizes, ratios, st.integers(0, 99))
def test_mask_is_placed_with_image_and_padding_is_unmarked(size, ratio, seed):
    edit = noise_image("L", size, seed).point(lambda v: 255 * (v > 128))
    placement = pad_to_ratio(size, ratio)
    result = place_mask(placement, edit)
    assert result.size == placement.canvas
    assert result.crop(placement.box).tobytes() == edit.tobytes()
    result.paste(0, placement.box)
    assert result.getbbox() is None


def test_scaled_mask_stays_hard_and_keeps_thin_lines():
    edit = Image.new("L", (1000, 1000))
    ImageDraw.Draw(edit).line((100, 50, 900, 950), fill=255)
    placement = placement_of((1000, 1000), (240, 240), (300, 240))
    result = place_mask(placement, edit)
    assert {v for _, v in color_counts(result)} == {0, 255}
    restored = undo_placement(placement, result).point(lambda v: 255 if v else 0)
    assert ImageChops.subtract(edit, restored).getbbox() is None
    soft = place_mask(placement, Image.linear_gradient("L").resize((1000, 1000)))
    assert len(color_counts(soft)) > 100


@quick_settings
@given(placements(), sizes)
def test_image_is_located_in_any_result_without_stretching(placement, result_size):
    left, top, right, bottom = locate_image(placement, result_size)
    assert -1e-6 <= left < right <= result_size[0] + 1e-6
    assert -1e-6 <= top < bottom <= result_size[1] + 1e-6
    scales = (
        (right - left) / placement.size_on_canvas[0],
        (bottom - top) / placement.size_on_canvas[1],
    )
    if has_canvas_shape(placement, result_size):
        whole = (result_size[0] / placement.canvas[0], result_size[1] / placement.canvas[1])
        assert scales == pytest.approx(whole)
    else:
        assert scales[0] == pytest.approx(scales[1])
        assert scales[0] == pytest.approx(
            min(r / c for r, c in zip(result_size, placement.canvas, strict=True))
        )


@pytest.mark.parametrize(
    ("result_size", "box"),
    [
        ((400, 300), (0, 0, 400, 300)),
        ((1000, 300), (300, 0, 700, 300)),  # wider: the same height, in the middle
        ((400, 500), (0, 100, 400, 400)),
        ((404, 300), (0, 0, 404, 300)),  # 1 % off: only scaled
        ((410, 300), (5, 0, 405, 300)),  # 2.5 % off: not stretched
    ],
)
def test_image_is_located_in_the_centre_of_a_result_of_another_shape(result_size, box):
    assert locate_image(full_canvas_placement((40, 30)), result_size) == pytest.approx(box)


def test_image_or_mask_of_another_size_raises_value_error():
    placement = placement_of((4, 4), (4, 4), (8, 8))
    with pytest.raises(ValueError, match="image of"):
        place_image(placement, Image.new("RGB", (4, 5)), fill="edge")
    with pytest.raises(ValueError, match="mask of"):
        place_mask(placement, Image.new("L", (5, 4)))


def gradient_image(size):
    across = Image.linear_gradient("L").rotate(90).resize(size, Image.Resampling.BICUBIC)
    down = Image.linear_gradient("L").resize(size, Image.Resampling.BICUBIC)
    return Image.merge("RGB", (across, down, ImageChops.invert(across)))
