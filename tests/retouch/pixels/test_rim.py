"""Rims, compared with the slow and obvious way."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageDraw

from retouch.pixels.rim import feathered, narrowed, widened
from tests.retouch.pixels.strategies import edits

quick = settings(max_examples=60, deadline=None)
widths = st.integers(1, 12)


def near(edit, by, wanted):
    """255 where any pixel at most `by` away across and down is wanted."""
    found = Image.new("L", edit.size)
    for at, value in enumerate(edit.tobytes()):
        if wanted(value):
            x, y = at % edit.width, at // edit.width
            found.paste(255, (max(0, x - by), max(0, y - by), x + by + 1, y + by + 1))
    return found


@quick
@given(edits(size=(30, 22)), st.integers(0, 12))
def test_wider_is_all_that_is_near_and_narrower_all_that_is_not_near_the_rest(edit, by):
    assert widened(edit, by).tobytes() == near(edit, by, lambda v: v > 0).tobytes()
    rest = near(edit, by, lambda v: v < 255)
    assert narrowed(edit, by).tobytes() == ImageChops.invert(rest).tobytes()


@pytest.mark.parametrize("by", [1, 239, 240, 241, 400])
def test_a_single_pixel_grows_to_an_exact_square(by):
    edit = Image.new("L", (1000, 900))
    edit.putpixel((450, 450), 1)
    found = widened(edit, by)
    square = Image.new("L", edit.size)
    square.paste(255, (450 - by, 450 - by, 451 + by, 451 + by))
    assert found.tobytes() == square.tobytes()
    assert narrowed(ImageChops.invert(edit), by).tobytes() == ImageChops.invert(square).tobytes()


@quick
@given(edits(), widths)
def test_a_feather_never_reaches_outside(edit, width):
    found = feathered(edit, width)
    assert ImageChops.subtract(found, edit).getbbox() is None
    assert found.size == edit.size


@quick
@given(edits(), widths)
def test_a_feather_leaves_something_of_everything_marked(edit, width):
    """Not far from any marked pixel, two ramps at most, there is one that is still fully marked."""
    hard = edit.point(lambda v: 255 if v else 0)
    reached = near(feathered(hard, width), 2 * width + 2, lambda v: v == 255)
    assert ImageChops.subtract(hard, reached).getbbox() is None


@pytest.mark.parametrize("width", [1, 2, 3, 5, 8, 16])
def test_the_ramp_is_as_wide_as_asked(width):
    edit = Image.new("L", (100, 100))
    edit.paste(255, (20, 20, 80, 80))
    line = list(feathered(edit, width).crop((19, 50, 51, 51)).tobytes())
    assert line[0] == 0
    assert line == sorted(line)
    ramp = [v for v in line if 0 < v < 255]
    assert width <= len(ramp) <= width + 1
    assert line[-1] == 255


def test_the_border_of_the_picture_is_no_rim():
    edit = Image.new("L", (60, 60))
    edit.paste(255, (0, 0, 30, 60))
    found = feathered(edit, 8)
    assert found.crop((0, 0, 1, 60)).getcolors() == [(60, 255)]
    assert found.getpixel((29, 30)) < 64
    assert feathered(Image.new("L", (9, 9), 255), 5).getcolors() == [(81, 255)]


def test_hairs_and_letters_do_not_fade_away():
    edit = Image.new("L", (200, 100))
    draw = ImageDraw.Draw(edit)
    draw.rectangle((20, 20, 80, 80), fill=255)
    draw.line((80, 50, 190, 50), fill=255)
    draw.rectangle((100, 60, 180, 63), fill=255)
    found = feathered(edit, 16)
    assert found.getpixel((150, 50)) == 255
    assert max(found.getpixel((140, y)) for y in (60, 61, 62, 63)) > 120
    assert found.getpixel((21, 50)) < 40


def test_a_soft_masks_greys_are_weakened_but_not_lost():
    edit = Image.new("L", (60, 60), 0)
    edit.paste(100, (10, 10, 50, 50))
    found = feathered(edit, 6)
    assert found.getpixel((30, 30)) == 100
    assert 0 < found.getpixel((10, 30)) < 30


@pytest.mark.parametrize("width", [0, 5])
def test_nothing_to_do_is_nothing_done(width):
    empty = Image.new("L", (9, 9))
    assert feathered(empty, width) is empty
    full = Image.new("L", (9, 9), 255)
    assert feathered(full, 0) is full
