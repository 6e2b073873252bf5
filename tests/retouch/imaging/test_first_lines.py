"""Tests that a shortened PNG decodes to the first lines of the whole file."""

import zlib

import pytest
from PIL import Image

from retouch.core.errors import InvalidRequest
from retouch.imaging.codec import decode
from retouch.imaging.colour import decode_srgb
from retouch.imaging.first_lines import keep_first_lines
from retouch.imaging.inspect import inspect_image
from tests.cases.images.build import IEND_CHUNK, SIGNATURE, chunk, header
from tests.retouch.imaging.samples import exif_with_orientation, sample_image
from tests.support.images import encode_image, scene

WIDTH, HEIGHT, LINES = 45, 30, 11
MODES = ("RGB", "RGBA", "L", "LA", "P", "1", "I;16")


def png_with_transparent_colour():
    return encode_image(sample_image().convert("RGB"), transparency=(1, 2, 3))


def wide_gamut_png():
    lines = (b"\0" + bytes(range(WIDTH)) * 3) * HEIGHT
    gamma = chunk(b"gAMA", (100_000).to_bytes(4))
    pixels = chunk(b"IDAT", zlib.compress(lines))
    return SIGNATURE + header(WIDTH, HEIGHT, colour=2) + gamma + pixels + IEND_CHUNK


FILES = {
    **{
        mode: encode_image(sample_image().convert("L" if mode == "I;16" else mode).convert(mode))
        for mode in MODES
    },
    "transparent colour": png_with_transparent_colour(),
    "linear gamma": wide_gamut_png(),
}


@pytest.mark.parametrize("lines", [1, LINES, HEIGHT - 1])
@pytest.mark.parametrize("kind", FILES)
def test_shortened_png_has_the_first_lines_of_the_whole(kind, lines):
    file = inspect_image(FILES[kind])
    shortened = keep_first_lines(file, lines)
    assert shortened.size == (WIDTH, lines)
    expected = decode_srgb(file).crop((0, 0, WIDTH, lines))
    result = decode_srgb(shortened)
    assert (result.size, result.convert("RGBA").tobytes()) == (
        (WIDTH, lines),
        expected.convert("RGBA").tobytes(),
    )
    assert inspect_image(shortened.data).size == shortened.size  # the header's checksum is right


@pytest.mark.parametrize("lines", [HEIGHT, HEIGHT + 1])
def test_png_is_unchanged_if_all_lines_are_needed(lines):
    file = inspect_image(FILES["RGB"])
    assert keep_first_lines(file, lines) is file


@pytest.mark.parametrize(
    "data",
    [
        encode_image(scene(WIDTH, HEIGHT), "JPEG"),
        encode_image(scene(WIDTH, HEIGHT), "WEBP"),
        encode_image(scene(HEIGHT, WIDTH), exif=exif_with_orientation(6)),
        SIGNATURE
        + header(WIDTH, HEIGHT, colour=0, interlace=1)
        + chunk(b"IDAT", zlib.compress(bytes(10_000)))
        + IEND_CHUNK,
    ],
    ids=["jpeg", "webp", "turned", "interlaced"],
)
def test_file_with_other_line_order_is_unchanged(data):
    file = inspect_image(data)
    assert keep_first_lines(file, LINES) is file


def damaged_png(valid_lines):
    """Return a PNG with valid checksums in which the lines after the first ones are missing."""
    noise = Image.effect_noise((400, 400), 90).tobytes()
    lines = b"".join(b"\0" + noise[at : at + 400] for at in range(0, 160_000, 400))
    stream = zlib.compress(lines, 0)[: valid_lines * 401]
    return SIGNATURE + header(400, 400, colour=0) + chunk(b"IDAT", stream) + IEND_CHUNK


def test_damage_is_noticed_in_the_first_lines_and_ignored_below_them():
    file = inspect_image(damaged_png(valid_lines=200))
    assert decode(keep_first_lines(file, 150)).size == (400, 150)
    for lines in (250, 400):
        with pytest.raises(InvalidRequest, match="broken"):
            decode(keep_first_lines(file, lines))
