import io
import random
import zlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from retouch.imaging.formats import png
from retouch.imaging.limits import DEFAULT_LIMITS
from retouch.imaging.png_writer import (
    combine_adler32,
    compress_lines,
    join_lines,
    write_photo,
    write_png,
)
from tests.retouch.imaging import icc_profiles
from tests.retouch.imaging.strategies import images
from tests.support.images import decode_image

MODES = ["L", "RGB", "RGBA"]
# The last two have more than one band.
SIZES = [(1, 1), (7, 5), (64, 300), (1024, 600), (262_145 // 16, 40)]


def make_noise(mode: str, size: tuple[int, int]) -> Image.Image:
    noise = random.Random(3).randbytes(size[0] * size[1] * len(mode))
    return Image.frombytes(mode, size, noise)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", SIZES)
def test_photo_png_is_read_by_pillow_with_the_same_pixels(mode, size):
    original = make_noise(mode, size)
    data = write_photo(original, None)
    png.check_structure(data, DEFAULT_LIMITS)
    with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
        assert (image.mode, image.size, image.info) == (mode, size, {})
        assert image.tobytes() == original.tobytes()


@given(images(modes=("L", "RGB", "RGBA")))
def test_photo_png_has_the_pixels_of_every_image(image):
    assert decode_image(write_photo(image, None)).tobytes() == image.tobytes()


def test_photo_png_keeps_the_colours_of_transparent_pixels():
    image = make_noise("RGBA", (40, 40))
    image.putalpha(0)
    assert decode_image(write_photo(image, None)).tobytes() == image.tobytes()


def test_photo_png_has_the_colour_profile():
    profile = icc_profiles.rgb_profile()
    data = write_photo(make_noise("RGB", (8, 8)), profile)
    assert png.read_icc_profile(data) == profile


@pytest.mark.parametrize("mode", MODES)
def test_photo_png_of_one_colour_is_small(mode):
    size = (1024, 1024)
    assert len(write_photo(Image.new(mode, size), None)) < size[0] * size[1] * len(mode) / 100


@given(st.binary(), st.binary())
def test_combined_checksum_is_that_of_both_byte_strings(first, second):
    combined = combine_adler32(zlib.adler32(first), zlib.adler32(second), len(second))
    assert combined == zlib.adler32(first + second)


def test_combined_checksum_of_long_byte_strings_is_right():
    first, second = b"\xff" * 1_000_003, b"\xfe" * 70_001
    combined = combine_adler32(zlib.adler32(first), zlib.adler32(second), len(second))
    assert combined == zlib.adler32(first + second)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("cuts", [(0, 0), (0, 300), (300, 300), (1, 2), (100, 299), (100, 100)])
def test_joined_parts_are_a_png_with_the_pixels_of_the_whole(mode, cuts):
    original = make_noise(mode, (64, 300))
    edges = (0, *cuts, 300)
    parts = [
        compress_lines([original.crop((0, top, 64, bottom))]) for top, bottom in pairwise(edges)
    ]
    data = join_lines(original.size, mode, parts)
    png.check_structure(data, DEFAULT_LIMITS)
    assert decode_image(data).tobytes() == original.tobytes()
    assert len(data) < len(write_photo(original, None)) + 100


@pytest.mark.parametrize("soft", [True, False])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize("size", [(1, 1), (7, 5), (64, 300)])
def test_written_png_is_read_by_pillow(size, mode, soft):
    noise = random.Random(3).randbytes(size[0] * size[1] * len(mode))
    data = write_png(size, mode, Image.frombytes(mode, size, noise).crop, soft=soft)
    png.check_structure(data, DEFAULT_LIMITS)
    with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
        assert (image.mode, image.size) == (mode, size)
        assert image.tobytes() == noise
