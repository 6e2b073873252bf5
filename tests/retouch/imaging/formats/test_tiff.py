"""Tests of TIFF structure and of its decoder."""

import io
import struct
import zlib
from dataclasses import replace

import pytest
from PIL import ImageChops
from PIL.TiffImagePlugin import ImageFileDirectory_v2, TiffImageFile

from retouch.imaging.codec import decode, decode_as_stored
from retouch.imaging.errors import InvalidImage
from retouch.imaging.formats import tiff
from retouch.imaging.formats.tiff_directory import Tag
from retouch.imaging.limits import DEFAULT_LIMITS
from tests.retouch.imaging.samples import (
    CONVERTED_SAMPLE_KINDS,
    KINDS_WITH_ALPHA,
    sample_bytes,
    sample_image,
    sample_in_mode,
)
from tests.retouch.imaging.tiff_files import BYTE, LONG, SHORT, grey_tags, tiff_file
from tests.support.images import encode_image, max_value

TIFF = sample_bytes("tiff")
TIFF_KINDS = [kind for kind in CONVERTED_SAMPLE_KINDS if kind.startswith("tiff")]
SIZE = (45, 30)


def rejection_of(data, limits=DEFAULT_LIMITS):
    with pytest.raises(InvalidImage) as exc_info:
        tiff.check_structure(data, limits)
    return exc_info.value


@pytest.mark.parametrize("kind", TIFF_KINDS)
def test_tiff_header_is_read(kind):
    header = tiff.check_structure(sample_bytes(kind), DEFAULT_LIMITS)
    alpha = kind in KINDS_WITH_ALPHA
    assert (header.width, header.height, header.has_alpha) == (*SIZE, alpha)


@pytest.mark.parametrize("kind", TIFF_KINDS)
def test_tiff_cut_at_any_offset_is_truncated(kind):
    data = sample_bytes(kind)
    for end in range(4, len(data), 3):
        assert rejection_of(data[:end]).code == "image_truncated"


@pytest.mark.parametrize("value", range(1, 9))
def test_orientation_is_applied_once(value):
    image = sample_in_mode("RGB")
    tags = ImageFileDirectory_v2()
    tags[274] = value
    data = encode_image(image, "TIFF", tiffinfo=tags)
    header = tiff.check_structure(data, DEFAULT_LIMITS)
    assert header.orientation == value
    stored, _ = decode_as_stored(data, param="image")
    assert stored.tobytes() == image.tobytes()
    assert decode(data).size == header.displayed_size == (SIZE if value < 5 else SIZE[::-1])


def test_several_pages_are_rejected_by_name_with_the_remedy():
    pages = [sample_in_mode("L"), sample_in_mode("RGB")]
    error = rejection_of(encode_image(pages[0], "TIFF", save_all=True, append_images=pages[1:]))
    assert error.code == "image_multipage"
    assert "several pages" in str(error)
    assert "Save the page as a file of its own" in str(error)


def test_thumbnail_page_is_ignored():
    tags = ImageFileDirectory_v2()
    tags[254] = 1
    thumbnail = sample_in_mode("L", (9, 6))
    thumbnail.encoderinfo = {"tiffinfo": tags}
    data = encode_image(sample_in_mode("RGB"), "TIFF", save_all=True, append_images=[thumbnail])
    assert tiff.check_structure(data, DEFAULT_LIMITS).displayed_size == SIZE
    assert decode(data).tobytes() == sample_in_mode("RGB").tobytes()


def test_directories_in_a_loop_are_read_once():
    data = tiff_file(grey_tags(2, 2), b"abcd", next_offset=12)
    assert tiff.check_structure(data, DEFAULT_LIMITS).width == 2


def test_too_many_directories_are_rejected():
    entries = struct.pack("<HHHII", 1, Tag.SUBFILE_TYPE, LONG, 1, 1)
    step = len(entries) + 4
    chain = b"".join(entries + struct.pack("<I", 8 + step * (n + 1)) for n in range(100))
    assert rejection_of(b"II*\0\x08\0\0\0" + chain).code in (
        "image_metadata_too_large",
        "unsupported_image_format",
    )


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"COMPRESSION": (SHORT, (6,))}, "compression 6"),
        ({"COMPRESSION": (SHORT, (50001,))}, "compression 50001"),
        ({"COMPRESSION": (SHORT, (34712,))}, "compression 34712"),
        ({"SAMPLE_FORMAT": (SHORT, (3,)), "BITS_PER_SAMPLE": (SHORT, (32,))}, "floating-point"),
        ({"SAMPLE_FORMAT": (SHORT, (2,))}, "signed"),
        ({"BITS_PER_SAMPLE": (SHORT, (12,))}, "12 bits"),
        ({"BITS_PER_SAMPLE": (SHORT, (32,))}, "32 bits"),
        ({"PHOTOMETRIC": (SHORT, (8,))}, "colour space 8"),
        ({"PHOTOMETRIC": (SHORT, (32803,))}, "colour space 32803"),
        ({"SAMPLES_PER_PIXEL": (SHORT, (7,))}, "7 channels"),
        ({"DNG_VERSION": (BYTE, (1, 4, 0, 0))}, "DNG"),
        ({"SUBFILE_TYPE": (LONG, (1,))}, "small copy"),
    ],
)
def test_unusual_tiff_is_unsupported_by_name(changes, text):
    error = rejection_of(tiff_file(grey_tags(2, 2, **changes), bytes(64)))
    assert error.code == "unsupported_image_format"
    assert text in str(error)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"WIDTH": (LONG, (0,))}, "image_parse_error"),
        ({"WIDTH": (LONG, (2**32 - 1,))}, "image_too_large"),
        ({"HEIGHT": (LONG, (16_385,))}, "image_too_large"),
        ({"WIDTH": (LONG, (16_000,)), "HEIGHT": (LONG, (16_000,))}, "image_too_large"),
        ({"ROWS_PER_STRIP": (LONG, (0,))}, "image_parse_error"),
        ({"ROWS_PER_STRIP": (LONG, (1,))}, "image_parse_error"),
        ({"TILE_OFFSETS": (LONG, (8,))}, "image_parse_error"),
        ({"WIDTH": (9, ())}, "image_parse_error"),
        ({"SAMPLES_PER_PIXEL": (SHORT, (0,))}, "image_parse_error"),
    ],
)
def test_absurd_value_is_rejected(changes, code):
    tags = grey_tags(2, 2, **{n: v for n, v in changes.items() if v[0] != 9})
    if any(kind == 9 for kind, _ in changes.values()):
        del tags[Tag.WIDTH]
    assert rejection_of(tiff_file(tags, b"abcd")).code == code


def test_absurd_count_of_values_is_rejected_without_reading_them():
    data = bytearray(TIFF)
    position = data.index(struct.pack("<HH", Tag.BITS_PER_SAMPLE, SHORT))
    data[position + 4 : position + 8] = b"\xff" * 4
    assert rejection_of(bytes(data)).code in ("image_parse_error", "image_truncated")


def test_tiff_limits_are_exact():
    ok = replace(DEFAULT_LIMITS, side=45, pixels=45 * 30)
    tiff.check_structure(TIFF, ok)
    assert rejection_of(TIFF, replace(ok, side=44)).code == "image_too_large"
    assert rejection_of(TIFF, replace(ok, pixels=45 * 30 - 1)).code == "image_too_large"


def test_strip_that_needs_too_much_memory_is_rejected():
    tags = grey_tags(
        8_000,
        6_000,
        16,
        PHOTOMETRIC=(SHORT, (2,)),
        BITS_PER_SAMPLE=(SHORT, (16, 16, 16)),
        SAMPLES_PER_PIXEL=(SHORT, (3,)),
        COMPRESSION=(SHORT, (5,)),
    )
    error = rejection_of(tiff_file(tags, bytes(100)))
    assert (error.code, "288000000 bytes" in str(error)) == ("unsupported_image_format", True)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("photometric", "levels"), [(1, (0, 18, 255)), (0, (255, 237, 0))])
def test_16_bit_grey_is_decoded_in_both_byte_orders(order, photometric, levels):
    pixels = struct.pack(order + "3H", 0, 0x1234, 0xFFFF)
    tags = grey_tags(3, 1, 16, PHOTOMETRIC=(SHORT, (photometric,)))
    image = decode(tiff_file(tags, pixels, order))
    assert image.mode == "L"
    assert all(abs(a - b) <= 1 for a, b in zip(image.get_flattened_data(), levels, strict=True))


@pytest.mark.parametrize("order", ["<", ">"])
def test_16_bit_rgb_is_decoded_in_both_byte_orders(order):
    tags = grey_tags(
        1,
        1,
        PHOTOMETRIC=(SHORT, (2,)),
        BITS_PER_SAMPLE=(SHORT, (16, 16, 16)),
        SAMPLES_PER_PIXEL=(SHORT, (3,)),
    )
    image = decode(tiff_file(tags, struct.pack(order + "3H", 0xFFFF, 0x8000, 0), order))
    assert image.getpixel((0, 0)) == (255, 128, 0)


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_small_depths_of_grey_are_scaled(depth):
    image = decode(
        tiff_file(
            grey_tags(2, 1, depth),
            bytes((0b11110000 if depth == 4 else 0b10000000 if depth == 1 else 0b11000000,)),
        )
    )
    assert list(image.get_flattened_data()) == [255, 0]


@pytest.mark.parametrize(
    ("extra", "alpha", "pixel"),
    [
        ((), True, (100, 50, 25, 128)),
        ((2,), True, (100, 50, 25, 128)),
        ((1,), True, (199, 99, 49, 128)),
        ((0,), False, (100, 50, 25)),
    ],
)
def test_extra_channel_is_alpha_when_the_file_says_so(extra, alpha, pixel):
    tags = grey_tags(
        1,
        1,
        PHOTOMETRIC=(SHORT, (2,)),
        BITS_PER_SAMPLE=(SHORT, (8, 8, 8, 8)),
        SAMPLES_PER_PIXEL=(SHORT, (4,)),
        **({"EXTRA_SAMPLES": (SHORT, extra)} if extra else {}),
    )
    data = tiff_file(tags, bytes((100, 50, 25, 128)))
    assert tiff.check_structure(data, DEFAULT_LIMITS).has_alpha == alpha
    assert decode(data).getpixel((0, 0)) == pixel


@pytest.mark.parametrize(
    ("photometric", "samples", "extra", "plane", "text"),
    [
        (5, 5, 1, 1, "CMYK colours with transparency"),
        (5, 5, 2, 1, "CMYK colours with transparency"),
        (0, 2, 0, 1, "0 is white, and an extra channel"),
        (0, 2, 2, 1, "0 is white, and an extra channel"),
        (1, 2, 1, 2, "an extra channel in a plane"),
        (1, 2, 0, 2, "an extra channel in a plane"),
        (2, 4, 1, 2, "an extra channel in a plane"),
    ],
)
def test_extra_channel_that_the_decoder_cannot_read_is_unsupported_by_name(
    photometric, samples, extra, plane, text
):
    tags = grey_tags(
        1,
        1,
        PHOTOMETRIC=(SHORT, (photometric,)),
        BITS_PER_SAMPLE=(SHORT, (8,) * samples),
        SAMPLES_PER_PIXEL=(SHORT, (samples,)),
        EXTRA_SAMPLES=(SHORT, (extra,)),
        PLANAR_CONFIGURATION=(SHORT, (plane,)),
    )
    error = rejection_of(tiff_file(tags, bytes(5)))
    assert error.code == "unsupported_image_format"
    assert text in str(error)


@pytest.mark.parametrize("extra", [(), (2,)])
@pytest.mark.parametrize("rows", [1, 2])
def test_uncompressed_planes_of_rgb_and_straight_alpha_are_read(rows, extra):
    tags = grey_tags(
        1,
        2,
        PHOTOMETRIC=(SHORT, (2,)),
        BITS_PER_SAMPLE=(SHORT, (8,) * 4),
        SAMPLES_PER_PIXEL=(SHORT, (4,)),
        **({"EXTRA_SAMPLES": (SHORT, extra)} if extra else {}),
        PLANAR_CONFIGURATION=(SHORT, (2,)),
        ROWS_PER_STRIP=(SHORT, (rows,)),
    )
    planes = bytes([10, 20, 30, 40, 50, 60, 70, 80])
    strips = [planes[start : start + rows] for start in range(0, len(planes), rows)]
    image = decode(tiff_file(tags, segments=strips))
    assert [image.getpixel((0, y)) for y in (0, 1)] == [(10, 30, 50, 70), (20, 40, 60, 80)]


def test_compressed_grey_and_alpha_in_planes_is_unsupported():
    """The decoder reads the two planes as one line of pixels."""
    tags = grey_tags(
        1,
        1,
        BITS_PER_SAMPLE=(SHORT, (8, 8)),
        SAMPLES_PER_PIXEL=(SHORT, (2,)),
        EXTRA_SAMPLES=(SHORT, (2,)),
        PLANAR_CONFIGURATION=(SHORT, (2,)),
        COMPRESSION=(SHORT, (32773,)),
    )
    assert "in a plane" in str(rejection_of(tiff_file(tags, bytes(4))))


RGB_TAGS = {
    "PHOTOMETRIC": (SHORT, (2,)),
    "BITS_PER_SAMPLE": (SHORT, (8, 8, 8)),
    "SAMPLES_PER_PIXEL": (SHORT, (3,)),
}


def test_planes_of_8_bits_are_decoded():
    tags = grey_tags(2, 1, **RGB_TAGS, PLANAR_CONFIGURATION=(SHORT, (2,)))
    image = decode(tiff_file(tags, segments=(b"\1\2", b"\3\4", b"\5\6")))
    assert list(image.get_flattened_data()) == [(1, 3, 5), (2, 4, 6)]
    assert (
        rejection_of(tiff_file(tags, bytes(6))).code == "image_parse_error"
    )  # one of three strips


def test_planes_of_16_bits_are_unsupported():
    tags = grey_tags(
        2,
        1,
        **{**RGB_TAGS, "BITS_PER_SAMPLE": (SHORT, (16, 16, 16))},
        PLANAR_CONFIGURATION=(SHORT, (2,)),
    )
    assert "plane" in str(rejection_of(tiff_file(tags, segments=(bytes(4),) * 3)))


@pytest.mark.parametrize("compression", [1, 8])
def test_tiles_of_a_tiff_are_decoded_in_their_places(compression):
    image = sample_in_mode("RGB", (40, 20))
    tags = grey_tags(
        40,
        20,
        **{**RGB_TAGS, "COMPRESSION": (SHORT, (compression,))},
        TILE_WIDTH=(SHORT, (16,)),
        TILE_HEIGHT=(SHORT, (16,)),
    )
    boxes = [(x, y, x + 16, y + 16) for y in (0, 16) for x in (0, 16, 32)]
    tiles = [image.crop(box).tobytes() for box in boxes]
    packed = tuple(zlib.compress(tile) if compression == 8 else tile for tile in tiles)
    data = tiff_file(tags, segments=packed, tiled=True)
    assert decode(data).tobytes() == image.tobytes()
    assert (
        rejection_of(tiff_file(tags, segments=packed[1:], tiled=True)).code == "image_parse_error"
    )


@pytest.mark.parametrize("edge", [0, 8, 24, 65_536])
def test_tiles_of_an_absurd_size_are_rejected(edge):
    tags = grey_tags(32, 32, TILE_WIDTH=(LONG, (edge,)), TILE_HEIGHT=(LONG, (16,)))
    data = tiff_file(tags, segments=(bytes(512),) * 2, tiled=True)
    assert rejection_of(data).code == "image_parse_error"


def test_uncompressed_strip_that_is_too_short_is_truncated():
    tags = grey_tags(4, 3, ROWS_PER_STRIP=(SHORT, (2,)))
    assert decode(tiff_file(tags, segments=(bytes(8), bytes(4)))).size == (4, 3)
    for strips in ((bytes(7), bytes(4)), (bytes(8), bytes(3)), (bytes(4), bytes(4))):
        assert rejection_of(tiff_file(tags, segments=strips)).code == "image_truncated"


def test_strip_metadata_keeps_pixels_and_profile_only():
    tags = ImageFileDirectory_v2()
    tags[270], tags[315], tags[274] = "SECRET", "SECRET", 6
    data = encode_image(sample_in_mode("RGB"), "TIFF", tiffinfo=tags, icc_profile=b"profile!" * 9)
    stripped = tiff.strip_metadata(data)
    with TiffImageFile(io.BytesIO(stripped)) as image:
        assert set(image.tag_v2) <= {*Tag.NEEDED}
        assert image.info["icc_profile"] == b"profile!" * 9
        assert image.convert("RGB").tobytes() == sample_in_mode("RGB").tobytes()
    assert tiff.read_icc_profile(data) == b"profile!" * 9
    assert tiff.read_icc_profile(tiff.strip_metadata(data, profile=False)) == b""


def test_jpeg_in_tiff_is_lossy():
    assert tiff.is_lossy(sample_bytes("tiff-jpeg"))
    assert not tiff.is_lossy(TIFF)
    difference = ImageChops.difference(
        decode(sample_bytes("tiff-jpeg")), sample_image().convert("RGB")
    )
    assert max_value(difference) < 120
