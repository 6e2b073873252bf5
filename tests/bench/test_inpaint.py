from math import inf

import pytest
from PIL import Image

from bench.inpaint import compare_fills, format_pair, psnr
from bench.inpaint_holes import HOLES, draw_hole
from bench.inpaint_pictures import PICTURES, draw_picture

SIZE = (240, 180)
THIN_HOLES = [name for name in HOLES if name != "large"]


@pytest.mark.parametrize("hole", THIN_HOLES)
@pytest.mark.parametrize("picture", PICTURES)
def test_thin_holes_are_filled_at_least_as_well_as_by_telea(picture: str, hole: str) -> None:
    telea, ours = compare_fills(draw_picture(picture, SIZE), draw_hole(hole, SIZE))
    assert ours >= telea


@pytest.mark.parametrize("picture", ["bricks", "fabric", "facade", "toys"])
def test_large_holes_in_regular_pictures_are_filled_better_than_by_telea(picture: str) -> None:
    size = (480, 360)
    telea, ours = compare_fills(draw_picture(picture, size), draw_hole("large", size))
    assert ours > telea


def test_pictures_and_holes_are_the_same_each_time() -> None:
    for name in PICTURES:
        assert draw_picture(name, SIZE).tobytes() == draw_picture(name, SIZE).tobytes()
    for name in HOLES:
        hole = draw_hole(name, SIZE)
        assert hole.tobytes() == draw_hole(name, SIZE).tobytes()
        assert 0.005 < hole.histogram()[255] / (SIZE[0] * SIZE[1]) < 0.3


def test_psnr_counts_only_the_pixels_in_the_hole() -> None:
    picture, hole = Image.new("RGB", (8, 8)), Image.new("L", (8, 8))
    hole.paste(255, (0, 0, 4, 8))
    other = Image.new("RGB", (8, 8), (1, 1, 1))
    other.paste((200, 0, 0), (4, 0, 8, 8))
    assert psnr(picture, other, hole) == pytest.approx(48.13, abs=0.01)
    assert psnr(picture, picture, hole) == inf


def test_better_value_is_bold() -> None:
    assert format_pair((20.04, 21.0)) == "20.0 / **21.0**"
    assert format_pair((21.0, 20.0)) == "**21.0** / 20.0"
