"""Tests of dilating, eroding and feathering, compared with a slow and simple implementation."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageDraw

from retouch.imaging.masks import edges
from retouch.imaging.masks.edges import dilate, erode, feather
from tests.retouch.imaging.strategies import mask_areas
from tests.support.images import grey_value

quick_settings = settings(max_examples=60, deadline=None)
widths = st.integers(1, 12)


def dilate_matching(area, distance, predicate):
    """Return 255 for each pixel with a wanted pixel at most `distance` away in x and in y."""
    result = Image.new("L", area.size)
    for index, value in enumerate(area.tobytes()):
        if predicate(value):
            x, y = index % area.width, index // area.width
            result.paste(
                255,
                (max(0, x - distance), max(0, y - distance), x + distance + 1, y + distance + 1),
            )
    return result


@quick_settings
@given(mask_areas(size=(30, 22)), st.integers(0, 12))
def test_dilate_and_erode_match_reference_implementation(edit, distance):
    assert (
        dilate(edit, distance).tobytes()
        == dilate_matching(edit, distance, lambda v: v > 0).tobytes()
    )
    rest = dilate_matching(edit, distance, lambda v: v < 255)
    assert erode(edit, distance).tobytes() == ImageChops.invert(rest).tobytes()


@pytest.mark.parametrize("distance", [1, 239, 240, 241, 400])
def test_single_pixel_is_dilated_to_exact_square(distance):
    edit = Image.new("L", (1000, 900))
    edit.putpixel((450, 450), 1)
    result = dilate(edit, distance)
    square = Image.new("L", edit.size)
    square.paste(255, (450 - distance, 450 - distance, 451 + distance, 451 + distance))
    assert result.tobytes() == square.tobytes()
    assert erode(ImageChops.invert(edit), distance).tobytes() == ImageChops.invert(square).tobytes()


@quick_settings
@given(mask_areas(), widths)
def test_feather_marks_nothing_outside_the_mask(edit, width):
    result = feather(edit, width)
    assert ImageChops.subtract(result, edit).getbbox() is None
    assert result.size == edit.size


@quick_settings
@given(mask_areas(), widths)
def test_feather_keeps_a_fully_marked_pixel_near_every_marked_pixel(edit, width):
    """Within two ramp widths of any marked pixel there is one that is still fully marked."""
    hard = edit.point(lambda v: 255 if v else 0)
    reached = dilate_matching(feather(hard, width), 2 * width + 2, lambda v: v == 255)
    assert ImageChops.subtract(hard, reached).getbbox() is None


@pytest.mark.parametrize("width", [1, 2, 3, 5, 8, 16])
def test_feather_ramp_has_requested_width(width):
    edit = Image.new("L", (100, 100))
    edit.paste(255, (20, 20, 80, 80))
    line = list(feather(edit, width).crop((19, 50, 51, 51)).tobytes())
    assert line[0] == 0
    assert line == sorted(line)
    ramp = [v for v in line if 0 < v < 255]
    assert width <= len(ramp) <= width + 1
    assert line[-1] == 255


def test_image_border_is_not_feathered():
    edit = Image.new("L", (60, 60))
    edit.paste(255, (0, 0, 30, 60))
    result = feather(edit, 8)
    assert result.crop((0, 0, 1, 60)).getcolors() == [(60, 255)]
    assert grey_value(result, (29, 30)) < 64
    assert feather(Image.new("L", (9, 9), 255), 5).getcolors() == [(81, 255)]


def test_thin_lines_stay_marked_after_feather():
    edit = Image.new("L", (200, 100))
    draw = ImageDraw.Draw(edit)
    draw.rectangle((20, 20, 80, 80), fill=255)
    draw.line((80, 50, 190, 50), fill=255)
    draw.rectangle((100, 60, 180, 63), fill=255)
    result = feather(edit, 16)
    assert result.getpixel((150, 50)) == 255
    assert max(grey_value(result, (140, y)) for y in (60, 61, 62, 63)) > 120
    assert grey_value(result, (21, 50)) < 40


def test_greys_of_soft_mask_are_weakened_at_edge_only():
    edit = Image.new("L", (60, 60), 0)
    edit.paste(100, (10, 10, 50, 50))
    result = feather(edit, 6)
    assert result.getpixel((30, 30)) == 100
    assert 0 < grey_value(result, (10, 30)) < 30


@pytest.mark.parametrize("width", [0, 5])
def test_empty_mask_or_zero_width_returns_the_same_image(width):
    empty = Image.new("L", (9, 9))
    assert feather(empty, width) is empty
    full = Image.new("L", (9, 9), 255)
    assert feather(full, 0) is full


@pytest.mark.parametrize("width", [1, 5, 31, 64])
def test_feather_in_tiles_equals_feather_of_the_whole_mask(monkeypatch, width) -> None:
    mask = Image.new("L", (1100, 900))
    draw = ImageDraw.Draw(mask)
    draw.ellipse((50, 60, 800, 700), fill=255)
    draw.rectangle((300, 200, 420, 900), fill=0)
    draw.line((0, 850, 1100, 400), fill=128, width=3)
    draw.rectangle((900, 0, 1100, 500), fill=1)
    in_tiles = feather(mask, width)
    monkeypatch.setattr(edges, "_TILE_PIXELS", 1_000_000)
    assert ImageChops.difference(in_tiles, feather(mask, width)).getbbox() is None
    assert in_tiles.getcolors(256) != mask.getcolors(256)
