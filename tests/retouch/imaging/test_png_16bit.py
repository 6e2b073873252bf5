"""Tests of PNG files with 16 bits a channel, against levels that are computed from the file's own samples."""

import random
import struct
import zlib

import pytest

from retouch.imaging import png_16bit
from retouch.imaging.codec import decode
from retouch.imaging.colour import decode_srgb, normalize_image
from retouch.imaging.inspect import inspect_image
from retouch.imaging.masks.read import read_mask
from tests.cases.images.build import IEND_CHUNK, SIGNATURE, chunk, header
from tests.support.images import photo

WIDTH, HEIGHT = 11, 9
CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}  # by colour type
# These levels round to another value than their upper byte, and these are next to a transparent level.
EDGE_LEVELS = (0, 127, 128, 129, 255, 256, 384, 385, 0x1234, 0x1235, 0xFE7E, 0xFE7F, 0xFFFF)
TRANSPARENT = {0: (0x1234,), 2: (0x1234, 0x1235, 0x1234)}
ADAM7 = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)


def sample_pixels(colour):
    """Return the 16-bit samples of an image, as lines of pixels. Some pixels have the transparent level."""
    source = random.Random(colour)
    near_misses = [(*TRANSPARENT.get(colour, ()),)] if colour in TRANSPARENT else []
    return [
        [
            source.choice(near_misses)
            if near_misses and source.random() < 0.2
            else tuple(
                source.choice((source.randrange(65_536), source.choice(EDGE_LEVELS)))
                for _ in range(CHANNELS[colour])
            )
            for _ in range(WIDTH)
        ]
        for _ in range(HEIGHT)
    ]


def png_16bit_file(lines, colour, middle=b"", interlaced=False):
    """Return the file of the samples. Every line is stored unfiltered."""
    passes = ADAM7 if interlaced else ((0, 0, 1, 1),)
    data = b"".join(
        b"\0" + b"".join(struct.pack(f">{len(pixel)}H", *pixel) for pixel in line[left::across])
        for left, top, across, down in passes
        for line in lines[top::down]
        if line[left::across]
    )
    start = SIGNATURE + header(len(lines[0]), len(lines), 16, colour, int(interlaced))
    return start + middle + chunk(b"IDAT", zlib.compress(data)) + IEND_CHUNK


def transparency_chunk(colour):
    levels = TRANSPARENT[colour]
    return chunk(b"tRNS", struct.pack(f">{len(levels)}H", *levels))


def round_to_8_bits(level):
    """Return the 8-bit level of a 16-bit level, as the PNG specification scales samples (13.12)."""
    return (level * 255 + 32_767) // 65_535


def expected_rgba(pixel, colour, has_transparency):
    grey = colour in (0, 4)
    red, green, blue = (round_to_8_bits(v) for v in (pixel[:1] * 3 if grey else pixel[:3]))
    if colour in (4, 6):
        return red, green, blue, round_to_8_bits(pixel[-1])
    return red, green, blue, 0 if has_transparency and pixel == TRANSPARENT[colour] else 255


def rgba_pixels(image):
    return list(image.convert("RGBA").get_flattened_data())


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(
    ("colour", "has_transparency", "mode"),
    [
        (0, False, "L"),
        (0, True, "RGBA"),
        (2, False, "RGB"),
        (2, True, "RGBA"),
        (4, False, "RGBA"),
        (6, False, "RGBA"),
    ],
)
@pytest.mark.parametrize("decode_image", [decode, decode_srgb])
def test_16bit_levels_are_rounded_and_trns_is_compared_at_16_bits(
    colour, has_transparency, mode, interlaced, decode_image
):
    lines = sample_pixels(colour)
    middle = transparency_chunk(colour) if has_transparency else b""
    image = decode_image(png_16bit_file(lines, colour, middle, interlaced))
    expected = [expected_rgba(pixel, colour, has_transparency) for line in lines for pixel in line]
    assert image.mode == mode
    assert rgba_pixels(image) == expected
    if has_transparency:
        assert 0 < sum(pixel[3] == 0 for pixel in expected) < len(expected)


def test_levels_that_differ_only_in_the_lower_byte_are_not_transparent():
    lines = [[(0x1234,), (0x1235,), (0x1200,), (0x12FF,)]]
    image = decode(png_16bit_file(lines, 0, transparency_chunk(0)))
    assert [pixel[3] for pixel in rgba_pixels(image)] == [0, 255, 255, 255]


@pytest.mark.parametrize("colour", [0, 2, 4, 6])
def test_16bit_image_is_decoded_in_bands_to_the_same_pixels(colour, monkeypatch):
    data = png_16bit_file(sample_pixels(colour), colour)
    whole = decode(data)
    monkeypatch.setattr(png_16bit, "_BAND_PIXELS", 2 * WIDTH)
    assert decode(data).tobytes() == whole.tobytes()


def test_linear_16bit_levels_keep_their_shadows():
    """The darkest levels of linear light differ in sRGB although their upper bytes are equal."""
    lines = [[(0,), (20,), (60,), (120,), (255,), (65_535,)]]
    image = decode_srgb(png_16bit_file(lines, 0, chunk(b"gAMA", (100_000).to_bytes(4))))
    # 255 * 12.92 * level / 65535, and sRGB's power part for 255
    assert list(image.get_flattened_data()) == [0, 1, 3, 6, 13, 255]


def test_provider_gets_8_bits_and_the_transparency_of_a_16bit_image():
    lines = sample_pixels(0)
    result = normalize_image(inspect_image(png_16bit_file(lines, 0, transparency_chunk(0))))
    assert result.data[24] == 8
    assert rgba_pixels(decode(result)) == [
        expected_rgba(pixel, 0, True) for line in lines for pixel in line
    ]


def test_16bit_mask_is_read_in_8_bits():
    levels = [0, 129, 0xFE00, 0xFFFF]
    lines = [[(level,) for level in levels]] * 4
    mask = read_mask(
        png_16bit_file(lines, 0), inspect_image(photo(4, 4)), mode="white", param="mask"
    )
    assert list(mask.pixels.get_flattened_data())[:4] == [0, 0, 255, 255]


@pytest.mark.parametrize(
    ("depth", "level", "raised"), [(2, 1, 0x101), (4, 9, 0xF9), (8, 200, 0x1C8)]
)
def test_trns_level_above_the_depth_is_reduced_to_the_depth(depth, level, raised):
    """The PNG specification uses only the lower bits (11.3.1.1); libpng does the same."""
    packed = bytes([level << (8 - depth)]) if depth < 8 else bytes([level])
    middle = chunk(b"tRNS", raised.to_bytes(2))
    data = SIGNATURE + header(1, 1, depth, 0) + middle
    data += chunk(b"IDAT", zlib.compress(b"\0" + packed)) + IEND_CHUNK
    assert rgba_pixels(decode(data))[0][3] == 0


def test_rounding_table_holds_the_nearest_level():
    table = png_16bit.rounding_table()
    assert list(table) == [round(level / 257) for level in range(65_536)]
