"""Tests of thin marks: which parts are thin, and how they are filled."""

import random
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageDraw, ImageFont, ImageStat

from retouch.imaging.inpaint.erase import erase_area
from retouch.imaging.inpaint.thin_areas import fill_thin_areas, find_thick_parts

SIZE = (160, 120)
WHOLE = (0, 0, *SIZE)
SATURATED = ("red", "lime", "blue", "yellow", "cyan", "magenta", "black", "white")


def mark_text(size=SIZE):
    mask = Image.new("L", size)
    ImageDraw.Draw(mask).text((8, 40), "Sample", 255, ImageFont.load_default(40))
    return mask.point(lambda value: 255 if value else 0)


def mark_line(points, width, size=SIZE):
    mask = Image.new("L", size)
    ImageDraw.Draw(mask).line(points, 255, width)
    return mask


def patchwork(colours, seed, size=SIZE):
    """Return rectangles of these colours over each other."""
    source = random.Random(seed)
    image = Image.new("RGB", size, colours[0])
    for colour in colours * 6:
        x, y = source.randrange(size[0]), source.randrange(size[1])
        image.paste(colour, (x, y, x + source.randint(4, 60), y + source.randint(4, 60)))
    return image


def paint(image, mask, colour=(255, 0, 255)):
    copy = image.copy()
    copy.paste(colour if image.mode == "RGB" else 255, mask=mask)
    return copy


def linear_ranges(image, area):
    """Return the range of each band and of each difference of two bands, as far as it is positive, in levels."""
    bands = image.convert("RGB").split()
    differences = [ImageChops.subtract(a, b) for a, b in permutations(bands, 2)]
    return [ImageStat.Stat(band, area).extrema[0] for band in (*bands, *differences)]


def assert_no_colour_is_invented(image, result, mask):
    around = linear_ranges(image, ImageChops.invert(mask).point(lambda v: 255 if v == 255 else 0))
    filled = linear_ranges(result, mask)
    for (low, high), (lowest, highest) in zip(around, filled, strict=True):
        assert low <= lowest
        assert highest <= high


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from(SATURATED), min_size=2, max_size=3, unique=True),
    st.sampled_from(["RGB", "L", "RGBA"]),
    st.lists(st.tuples(*[st.integers(0, 150)] * 4, st.integers(1, 60)), min_size=1, max_size=4),
)
def test_fill_has_no_colour_beyond_its_surroundings(colours, mode, lines):
    image = patchwork(colours, len(lines)).convert(mode)
    mask = Image.new("L", SIZE)
    for *points, width in lines:
        ImageDraw.Draw(mask).line(points, 255, width)
    if mask.getextrema()[0]:
        return
    result = erase_area(paint(image, mask), mask)
    assert_no_colour_is_invented(image, result, mask)


def test_fill_of_16_bit_grey_stays_in_the_range_of_its_surroundings():
    image = Image.linear_gradient("L").resize(SIZE).point(lambda v: 80 + v // 4)
    mask = mark_text()
    deep = paint(image, mask).convert("I").point(lambda value: value * 257).convert("I;16")
    result = erase_area(deep, mask)
    assert result.mode == "L"
    assert_no_colour_is_invented(image, result, mask)
    assert not ImageChops.difference(image, result).point(lambda v: 255 if v > 3 else 0).getbbox()


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_text_on_a_gradient_disappears(mode):
    image = Image.linear_gradient("L").resize(SIZE).convert(mode)
    mask = mark_text()
    result = erase_area(paint(image.convert("RGB"), mask).convert(mode), mask)
    difference = ImageChops.difference(result.convert("RGB"), image.convert("RGB"))
    assert not difference.convert("L").point(lambda v: 255 if v > 2 else 0).getbbox()


def test_line_across_an_edge_continues_the_edge():
    image = Image.new("RGB", SIZE, "white")
    image.paste("navy", (0, 0, 80, 120))
    mask = mark_line((0, 60, 160, 60), 8)
    result = erase_area(paint(image, mask), mask)
    wrong = ImageChops.difference(result, image).convert("L").point(lambda v: 255 if v > 24 else 0)
    assert wrong.histogram()[255] <= 8 * 6, (
        "at most three pixels on each side of the edge are mixed"
    )


def test_transparent_pixels_around_a_line_are_not_used():
    image = Image.new("RGBA", SIZE, (10, 200, 30, 255))
    image.paste((255, 0, 255, 0), (0, 0, 160, 57))
    mask = mark_line((0, 60, 160, 60), 5)
    result = erase_area(image, mask)
    assert result.getpixel((80, 60)) == pytest.approx((10, 200, 30, 255), abs=1)
    assert result.getpixel((80, 10)) == (255, 0, 255, 0)


def test_line_is_filled_where_everything_around_is_transparent():
    image = Image.new("RGBA", SIZE, (10, 200, 30, 0))
    mask = mark_line((0, 60, 160, 60), 5)
    assert erase_area(image, mask).getpixel((80, 60)) == (10, 200, 30, 255)


@pytest.mark.parametrize(
    ("mask", "is_thick"),
    [
        (mark_line((0, 60, 160, 60), 16), False),
        (mark_line((0, 60, 160, 60), 20), True),
        (mark_line((20, 0, 130, 120), 14), False),
        (mark_text(), False),
        (Image.new("L", SIZE, 255), True),
    ],
)
def test_part_is_thick_when_a_square_of_17_pixels_fits_into_it(mask, is_thick):
    thick = find_thick_parts(mask)
    assert bool(thick.getbbox()) is is_thick
    assert not is_thick or thick.tobytes() == mask.tobytes()


def test_disc_with_a_wire_is_thick_and_the_wire_is_thin():
    mask = mark_line((0, 60, 160, 60), 3)
    ImageDraw.Draw(mask).ellipse((60, 40, 100, 80), fill=255)
    box = find_thick_parts(mask).getbbox()
    assert box is not None
    assert box[1::2] == (40, 81)
    assert 48 <= box[0] <= 60
    assert 101 <= box[2] <= 113


def test_thick_mask_keeps_soft_values_of_thick_parts_only():
    mask = Image.new("L", SIZE)
    mask.paste(200, (100, 40, 140, 80))
    mask.paste(90, (10, 10, 14, 100))
    thick = fill_thin_areas(Image.new("RGB", SIZE, "white"), mask)
    assert thick is not None
    assert thick.getbbox() == (100, 40, 140, 80)
    assert thick.getpixel((120, 60)) == 200


def test_tiles_of_a_large_mark_fit_together(monkeypatch):
    image = patchwork(SATURATED[:4], 1)
    mask = mark_text()
    ImageDraw.Draw(mask).line((0, 0, 160, 120), 255, 4)
    whole = erase_area(paint(image, mask), mask)
    monkeypatch.setattr("retouch.imaging.inpaint.thin_areas._TILE_SIDE", 32)
    tiled = erase_area(paint(image, mask), mask)
    difference = ImageChops.difference(whole, tiled).convert("L")
    assert ImageStat.Stat(difference, mask).mean[0] < 1


def test_mask_with_thick_parts_only_is_returned_without_a_copy():
    mask = Image.new("L", SIZE)
    mask.paste(255, (100, 40, 140, 80))
    assert fill_thin_areas(Image.new("RGB", SIZE), mask) is mask


def test_mixed_mask_of_a_very_large_image_is_not_split(monkeypatch):
    mask = mark_line((0, 10, 160, 10), 4)
    mask.paste(255, (100, 40, 140, 80))
    monkeypatch.setattr(
        "retouch.imaging.inpaint.thin_areas._MAX_MIXED_PIXELS", SIZE[0] * SIZE[1] - 1
    )
    image = Image.new("RGB", SIZE, "white")
    assert fill_thin_areas(image, mask) is mask
    assert image.getcolors() == [(SIZE[0] * SIZE[1], (255, 255, 255))]


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_thicker_line_is_thin_at_a_smaller_scale(mode):
    image = Image.linear_gradient("L").resize(SIZE).convert(mode)
    mask = mark_line((81, 0, 81, 120), 30)
    filled = paint(image.convert("RGB"), mask).convert(mode)
    before = filled.copy()
    assert fill_thin_areas(filled, mask, 2) is None
    difference = ImageChops.difference(filled.convert("L"), image.convert("L"))
    assert ImageStat.Stat(difference, mask).mean[0] < 10
    unmarked = ImageChops.invert(mask)
    assert ImageStat.Stat(ImageChops.difference(filled, before).convert("L"), unmarked).sum == [0]
