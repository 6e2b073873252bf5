"""Tests of BMP structure and of its decoder."""

import struct
from dataclasses import replace

import pytest
from PIL import Image

from retouch.core.errors import UnsupportedMedia
from retouch.imaging.codec import decode
from retouch.imaging.errors import InvalidImage
from retouch.imaging.formats import bmp
from retouch.imaging.limits import DEFAULT_LIMITS
from tests.retouch.imaging.samples import sample_bytes, sample_in_mode
from tests.support.images import channel_values

BMP = sample_bytes("bmp")
PALETTE = bytes((0, 0, 0, 0, 10, 20, 200, 0, 30, 220, 40, 0))  # blue, green, red, unused


def rejection_code(data, limits=DEFAULT_LIMITS):
    with pytest.raises(InvalidImage) as exc_info:
        bmp.check_structure(data, limits)
    return exc_info.value.code


def bmp_file(size, depth, pixels, *, compression=0, masks=b"", palette=b"", header_bytes=40):
    """Return a BMP with a header of 40 bytes, or a longer one that holds the masks."""
    extra = masks.ljust(header_bytes - 40, b"\0") if header_bytes > 40 else masks
    start = 14 + 40 + len(extra) + len(palette)
    width, height = size
    header = struct.pack(
        "<IiiHHIIiiII",
        header_bytes,
        width,
        height,
        1,
        depth,
        compression,
        0,
        0,
        0,
        len(palette) // 4,
        0,
    )
    file_header = b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start)
    return file_header + header + extra + palette + pixels


def masks_of(*values):
    return struct.pack(f"<{len(values)}I", *values)


@pytest.mark.parametrize("kind", ["bmp", "bmp-palette", "bmp-bilevel", "bmp-grey"])
def test_bmp_header_is_read(kind):
    header = bmp.check_structure(sample_bytes(kind), DEFAULT_LIMITS)
    assert (header.width, header.height, header.has_alpha) == (45, 30, False)


def test_bmp_cut_inside_its_pixels_is_truncated():
    for end in range(54, len(BMP)):
        assert rejection_code(BMP[:end]) == "image_truncated"


@pytest.mark.parametrize("end", range(10, 54))
def test_bmp_cut_inside_its_header_is_damaged(end):
    assert rejection_code(BMP[:end]) in ("image_parse_error", "image_truncated")


def test_bmp_limits_are_exact():
    ok = replace(DEFAULT_LIMITS, side=45, pixels=45 * 30)
    bmp.check_structure(BMP, ok)
    assert rejection_code(BMP, replace(ok, side=44)) == "image_too_large"
    assert rejection_code(BMP, replace(ok, pixels=45 * 30 - 1)) == "image_too_large"


@pytest.mark.parametrize("size", [(-1, 2), (0, 2), (2, 0), (2**31 - 1, 2), (2, -(2**31))])
def test_absurd_dimensions_are_rejected(size):
    assert rejection_code(bmp_file(size, 24, bytes(16))) in ("image_too_large", "image_parse_error")


def test_top_down_bmp_is_not_flipped():
    top_down = bmp_file((1, -2), 24, b"\x01\x02\x03\0\x04\x05\x06\0")
    image = decode(top_down)
    assert [channel_values(image, (0, y)) for y in range(2)] == [(3, 2, 1), (6, 5, 4)]


def test_fourth_byte_without_a_mask_is_not_alpha():
    data = bmp_file((1, 1), 32, b"\x01\x02\x03\x00")
    assert not bmp.check_structure(data, DEFAULT_LIMITS).has_alpha
    assert (decode(data).mode, channel_values(decode(data), (0, 0))) == ("RGB", (3, 2, 1))


@pytest.mark.parametrize(
    ("alphas", "mode"), [((0, 0), "RGB"), ((0, 255), "RGBA"), ((255, 255), "RGBA")]
)
def test_alpha_mask_applies_unless_every_pixel_is_0(alphas, mode):
    pixels = b"".join(bytes((1, 2, 3, alpha)) for alpha in alphas)
    masks = masks_of(0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    data = bmp_file((2, 1), 32, pixels, compression=3, masks=masks, header_bytes=108)
    assert bmp.check_structure(data, DEFAULT_LIMITS).has_alpha
    image = decode(data)
    assert image.mode == mode
    if mode == "RGBA":
        assert [channel_values(image, (x, 0))[3] for x in range(2)] == list(alphas)


@pytest.mark.parametrize(
    ("compression", "masks", "value", "pixel"),
    [
        (0, b"", 0x7C00, (255, 0, 0)),
        (3, masks_of(0xF800, 0x7E0, 0x1F), 0x7E0, (0, 255, 0)),
        (3, masks_of(0x7C00, 0x3E0, 0x1F), 0x1F, (0, 0, 255)),
    ],
)
def test_16_bit_pixels_are_decoded(compression, masks, value, pixel):
    pixels = struct.pack("<HH", value, 0)
    image = decode(bmp_file((1, 1), 16, pixels, compression=compression, masks=masks))
    assert channel_values(image, (0, 0)) == pixel


@pytest.mark.parametrize(
    ("depth", "compression", "masks"),
    [
        (16, 3, masks_of(0xF00, 0xF0, 0xF)),
        (32, 3, masks_of(0x3FF00000, 0xFFC00, 0x3FF)),
        (8, 3, masks_of(1, 2, 4)),
        (2, 0, b""),
        (64, 0, b""),
        (24, 1, b""),
        (8, 2, b""),
        (24, 4, b""),
        (24, 5, b""),
        (24, 99, b""),
    ],
)
def test_unusual_pixel_format_is_unsupported_by_name(depth, compression, masks):
    data = bmp_file((1, 1), depth, bytes(16), compression=compression, masks=masks)
    with pytest.raises(InvalidImage, match="is a BMP that ") as exc_info:
        bmp.check_structure(data, DEFAULT_LIMITS)
    assert exc_info.value.code == "unsupported_image_format"


@pytest.mark.parametrize("start", [0, 14, 53, 2**32 - 1])
def test_pixels_outside_the_file_or_inside_the_header_are_rejected(start):
    data = BMP[:10] + start.to_bytes(4, "little") + BMP[14:]
    assert rejection_code(data) in ("image_parse_error", "image_truncated")


def rle_file(size, codes, *, compression=bmp.RLE8):
    depth = 8 if compression == bmp.RLE8 else 4
    return bmp_file(size, depth, bytes(codes), compression=compression, palette=PALETTE)


BLACK, RED, GREEN = (0, 0, 0), (200, 20, 10), (40, 220, 30)


@pytest.mark.parametrize(
    ("compression", "codes"),
    [
        (bmp.RLE8, (3, 1, 0, 0, 1, 0, 0, 2, 1, 0, 1, 2, 0, 1)),  # runs, a delta, the end
        (bmp.RLE8, (3, 1, 0, 0, 0, 3, 0, 0, 2, 0, 0, 1)),  # literals with padding
        (bmp.RLE8, (9, 1, 0, 0, 2, 0, 1, 2)),  # a run beyond the line; no end code
        (bmp.RLE4, (3, 0x11, 0, 0, 0, 3, 0x00, 0x20, 0, 1)),
    ],
)
def test_run_length_codes_are_expanded(compression, codes):
    image = decode(rle_file((3, 2), codes, compression=compression))
    pixels = [[channel_values(image, (x, y)) for x in range(3)] for y in range(2)]
    assert pixels == [[BLACK, BLACK, GREEN], [RED, RED, RED]]


def test_run_length_codes_that_end_early_are_damaged():
    with pytest.raises(Exception, match="BMP"):
        decode(rle_file((3, 2), (3, 1, 0, 0)))


def test_run_length_codes_match_the_image():
    image = sample_in_mode("L", (64, 20)).point(lambda value: value // 100)
    codes = bytearray()
    for y in reversed(range(image.height)):
        for x in range(image.width):
            codes += bytes((1, int(image.getpixel((x, y)))))
        codes += b"\0\0"
    data = rle_file(image.size, codes + b"\0\1")
    image.putpalette(b"".join(PALETTE[n + 2 : n - 1 if n else None : -1] for n in (0, 4, 8)))
    assert decode(data).tobytes() == image.convert("RGB").tobytes()


def test_too_many_run_length_codes_are_rejected():
    data = rle_file((10_000, 5_000), b"\1\1" * 4_000_001)
    assert rejection_code(data) == "unsupported_image_format"


def test_limit_of_run_length_codes_is_exact(monkeypatch):
    monkeypatch.setattr("retouch.imaging.decoders.bmp._MAX_CODES", 9)
    decode(rle_file((100, 1), b"\1\1" * 8 + b"\0\1"))
    with pytest.raises(UnsupportedMedia, match="more than 9 run-length codes"):
        decode(rle_file((100, 1), b"\1\1" * 9 + b"\0\1"))


def test_embedded_profile_is_read():
    profile = b"profile!"
    header = bytearray(bmp_file((1, 1), 24, b"\1\2\3\0", header_bytes=124))
    header[14 + 56 : 14 + 60] = b"DEBM"
    header[14 + 112 : 14 + 120] = struct.pack("<II", len(header) - 14, len(profile))
    data = bytes(header) + profile
    assert bmp.read_icc_profile(data) == profile
    assert decode(data).info["icc_profile"] == profile
    assert bmp.read_icc_profile(BMP) == b""


@pytest.mark.parametrize("kind", ["bmp-palette", "bmp-bilevel", "bmp-grey"])
def test_palette_outside_the_file_is_rejected(kind):
    data = bytearray(sample_bytes(kind))
    data[46:50] = (2**31).to_bytes(4, "little")
    assert rejection_code(bytes(data)) == "image_parse_error"


def test_core_header_is_read():
    header = b"BM" + struct.pack("<IHHI", 0, 0, 0, 26) + struct.pack("<IHHHH", 12, 1, 1, 1, 24)
    assert channel_values(decode(header + b"\1\2\3\0"), (0, 0)) == (3, 2, 1)
    assert isinstance(decode(header + b"\1\2\3\0"), Image.Image)
