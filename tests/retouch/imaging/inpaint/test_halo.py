"""Tests of halos: the colour of a removed thing in the pixels next to a tight mask."""

import pytest
from PIL import Image, ImageChops, ImageDraw, ImageFont, ImageStat

from retouch.imaging.inpaint.erase import erase_area
from retouch.imaging.inpaint.halo import has_halo

SIZE = (240, 100)
COLOUR = (60, 110, 160)


def smooth_text():
    """Return the coverage of anti-aliased text."""
    mask = Image.new("L", SIZE)
    ImageDraw.Draw(mask).text((8, 30), "Sample text", 255, ImageFont.load_default(36))
    return mask


def mark_above(coverage, level):
    return coverage.point(lambda value: 255 if value >= level else 0)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_colour_of_anti_aliased_text_does_not_leak_into_the_fill(mode):
    image = Image.new("RGB", SIZE, COLOUR).convert(mode)
    image.paste("white", mask=smooth_text())
    mask = mark_above(smooth_text(), 128)
    result = erase_area(image, mask)
    clean = Image.new("RGB", SIZE, COLOUR).convert(mode).convert("RGB")
    difference = ImageChops.difference(result.convert("RGB"), clean)
    assert max(ImageStat.Stat(difference, mask).mean) < 3
    unmarked = ImageChops.invert(mask)
    unchanged = ImageChops.difference(result, image).convert("L")
    assert ImageStat.Stat(unchanged, unmarked).sum == [0]


@pytest.mark.parametrize(("level", "is_halo"), [(128, True), (1, False)])
def test_halo_is_found_where_the_mask_leaves_soft_pixels_unmarked(level, is_halo):
    image = Image.linear_gradient("L").resize(SIZE).convert("RGB")
    image.paste("red", mask=smooth_text())
    assert has_halo([(image, mark_above(smooth_text(), level))]) is is_halo


def test_no_parts_have_no_halo():
    assert has_halo([]) is False
