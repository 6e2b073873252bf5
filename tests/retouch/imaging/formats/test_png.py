"""Tests of PNG structure. The hostile files in tests/cases/images cover the rest."""

import io
import random
import struct
import zlib
from dataclasses import replace

import pytest
from PIL import Image

from retouch.imaging.errors import InvalidImage
from retouch.imaging.formats import png
from retouch.imaging.formats.png_scanlines import PngLayout
from retouch.imaging.limits import DEFAULT_LIMITS
from tests.cases.images.build import IEND_CHUNK, SIGNATURE, chunk, header, image_data, noise_lines
from tests.cases.images.build import png as built
from tests.support.images import encode_image

PNG_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")


def rejection_code(data, limits=DEFAULT_LIMITS):
    with pytest.raises(InvalidImage) as exc_info:
        png.check_structure(data, limits)
    return exc_info.value.code


def test_checksum_of_every_chunk_is_verified():
    data = bytearray(built(middle=chunk(b"tEXt", b"k\0value") + chunk(b"gAMA", b"\0\0\xb1\x8f")))
    header = png.check_structure(bytes(data), DEFAULT_LIMITS)
    assert (header.width, header.height) == (8, 8)
    for start, end in [(c.start, c.end + 4) for c in png.iter_chunks(memoryview(data))]:
        for offset in (start, end - 1):
            data[offset] ^= 1
            assert rejection_code(bytes(data)) == "image_parse_error"
            data[offset] ^= 1


def test_damage_in_image_data_is_found_by_checksum():
    image = Image.frombytes("RGB", (400, 400), random.Random(1).randbytes(480_000))
    data = bytearray(encode_image(image))
    png.check_structure(bytes(data), DEFAULT_LIMITS)
    data[-5000] ^= 1
    assert rejection_code(bytes(data)) == "image_parse_error"


@pytest.mark.parametrize("interlace", [0, 1])
@pytest.mark.parametrize("missing", [0, 1])
def test_small_image_is_checked_to_its_last_line(interlace, missing):
    layout = PngLayout(13, 11, 8, 6, bool(interlace))
    total = sum(stride * count for stride, count in layout.iter_passes())
    body = zlib.compress(bytes(total - missing))
    data = SIGNATURE + header(13, 11, interlace=interlace) + chunk(b"IDAT", body) + IEND_CHUNK
    if missing:
        assert rejection_code(data) == "image_truncated"
    else:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            image.load()
        assert png.check_structure(data, DEFAULT_LIMITS).width == 13


def test_image_data_of_64_kib_is_checked_to_its_last_line():
    body = zlib.compress(bytes(128 * (1 + 127 * 4) - 1))
    data = SIGNATURE + header(127, 128) + chunk(b"IDAT", body) + IEND_CHUNK
    assert rejection_code(data) == "image_truncated"


@pytest.mark.parametrize("bad_line", range(8))
def test_unknown_filter_in_first_8_kib_of_larger_image_is_rejected(bad_line):
    side, stride = 255, 1 + 255 * 4
    lines = [(b"\x05" if y == bad_line else b"\0") + bytes(stride - 1) for y in range(side)]
    data = (
        SIGNATURE + header(side, side) + chunk(b"IDAT", zlib.compress(b"".join(lines))) + IEND_CHUNK
    )
    assert rejection_code(data) == "image_parse_error"


@pytest.mark.parametrize("bad_line", range(8))
def test_unknown_filter_in_any_line_is_rejected(bad_line):
    body = b"".join((b"\x05" if y == bad_line else b"\x04") + bytes(32) for y in range(8))
    data = SIGNATURE + header(8, 8) + chunk(b"IDAT", zlib.compress(body)) + IEND_CHUNK
    assert rejection_code(data) == "image_parse_error"


@pytest.mark.parametrize(
    "middle",
    [
        image_data(8, 8) + chunk(b"tEXt", b"k\0v") + image_data(8, 8),
        chunk(b"PLTE", bytes(3)) * 2 + image_data(8, 8),
        chunk(b"ABCD") + image_data(8, 8),
        chunk(b"1DAT") + image_data(8, 8),
    ],
    ids=["scattered", "two palettes", "unknown and critical", "not a chunk"],
)
def test_invalid_chunk_order_is_rejected(middle):
    assert rejection_code(SIGNATURE + header(8, 8) + middle + IEND_CHUNK) == "image_parse_error"


def test_png_limits_are_exact():
    ok = replace(DEFAULT_LIMITS, side=8, pixels=64, ancillary_chunks=2, pieces=5, text_bytes=100)
    packed = chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(60)))
    data = built(middle=packed + chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(40))))
    png.check_structure(data, ok)
    assert rejection_code(data, replace(ok, side=7)) == "image_too_large"
    assert rejection_code(data, replace(ok, pixels=63)) == "image_too_large"
    for name in ("ancillary_chunks", "pieces", "text_bytes"):
        less = replace(ok, **{name: getattr(ok, name) - 1})
        assert rejection_code(data, less) == "image_metadata_too_large"


def test_compressed_text_counts_towards_text_limit():
    stream = zlib.compress(bytes(101))
    small = replace(DEFAULT_LIMITS, text_bytes=100)
    for kind, start in ((b"zTXt", b"k\0\0"), (b"iCCP", b"k\0\0"), (b"iTXt", b"k\0\1\0de\0K\0")):
        assert (
            rejection_code(built(middle=chunk(kind, start + stream)), small)
            == "image_metadata_too_large"
        )
    plain = built(middle=chunk(b"iTXt", b"k\0\0\0\0\0" + bytes(500)) + chunk(b"zTXt", b"junk"))
    png.check_structure(plain, small)


def test_many_empty_chunks_are_rejected():
    data = SIGNATURE + header(8, 8) + chunk(b"IDAT") * 300_000 + image_data(8, 8) + IEND_CHUNK
    assert rejection_code(data) == "image_metadata_too_large"


def test_transparency_and_orientation_are_read():
    plain = built(colour=2, pixel=b"abc")
    assert not png.check_structure(plain, DEFAULT_LIMITS).has_alpha
    keyed = built(colour=2, pixel=b"abc", middle=chunk(b"tRNS", bytes(6)))
    assert png.check_structure(keyed, DEFAULT_LIMITS).has_alpha
    turned = struct.pack("<4sIHHHIHH", b"II*\0", 8, 1, 0x0112, 3, 1, 6, 0)
    header = png.check_structure(built(4, 8, middle=chunk(b"eXIf", turned)), DEFAULT_LIMITS)
    assert (header.orientation, header.displayed_size) == (6, (8, 4))


def test_strip_metadata_keeps_colour_chunks_and_drops_text():
    preserved = chunk(b"gAMA", b"\0\0\xb1\x8f") + chunk(b"tRNS", bytes(6))
    dropped = chunk(b"tEXt", b"k\0secret") + chunk(b"eXIf", b"II*\0")
    original = built(colour=2, pixel=b"abc", middle=preserved + dropped, tail=b"trailing")
    assert png.strip_metadata(original) == built(colour=2, pixel=b"abc", middle=preserved)


def test_image_data_in_many_chunks_is_read():
    body = zlib.compress(noise_lines(64, 64, 2))
    pieces = b"".join(chunk(b"IDAT", body[at : at + 100]) for at in range(0, len(body), 100))
    assert (
        png.check_structure(SIGNATURE + header(64, 64) + pieces + IEND_CHUNK, DEFAULT_LIMITS).height
        == 64
    )


def test_valid_profile_is_read_and_broken_profile_is_empty():
    packed = chunk(b"iCCP", b"name\0\0" + zlib.compress(b"profile!"))
    original = built(colour=2, pixel=b"abc", middle=packed)
    assert png.read_icc_profile(original) == b"profile!"
    assert png.read_icc_profile(built(middle=chunk(b"iCCP", b"name\0\0junk"))) == b""
    assert png.read_icc_profile(built(middle=chunk(b"iCCP", b"name"))) == b""
    assert png.read_icc_profile(built()) == b""
    assert png.strip_metadata(original) == original
    assert png.strip_metadata(original, profile=False) == built(colour=2, pixel=b"abc")


def test_16_bit_png_is_not_plain():
    assert png.is_8bit_grey_or_rgb(built())
    assert not png.is_8bit_grey_or_rgb(built(depth=16, colour=0, pixel=b"ab"))


SECRET_TEXT = b"51.5N 0.1W and more than that"


@pytest.mark.parametrize(
    "kind", [b"gAMA", b"cHRM", b"sRGB", b"cICP", b"sBIT", b"PLTE", b"tEXt", b"eXIf", b"prVt"]
)
def test_oversized_or_unknown_chunk_is_removed(kind):
    body = SECRET_TEXT * (2 if kind == b"cHRM" else 1) + bytes(kind == b"PLTE")
    original = built(colour=2, pixel=b"abc", middle=chunk(kind, body))
    assert png.strip_metadata(original) == built(colour=2, pixel=b"abc")


def test_file_without_metadata_is_not_copied():
    plain = built(colour=2, pixel=b"abc")
    assert png.strip_metadata(plain) is plain
    assert png.strip_metadata(plain + b"trailing") == plain


def test_content_of_end_chunk_is_removed():
    plain = built(colour=2, pixel=b"abc")
    original = plain.removesuffix(IEND_CHUNK) + chunk(b"IEND", SECRET_TEXT)
    png.check_structure(original, DEFAULT_LIMITS)
    assert png.strip_metadata(original) == plain


def test_palette_of_palette_image_is_kept():
    data = encode_image(Image.linear_gradient("L").quantize(7), transparency=bytes((0, 9, 255)))
    assert png.strip_metadata(data) == data


def test_only_rgba_png_is_full_colour():
    modes = {mode: png.is_8bit_rgba(encode_image(Image.new(mode, (3, 2)))) for mode in PNG_MODES}
    assert [mode for mode, is_full_colour in modes.items() if is_full_colour] == ["RGBA"]
