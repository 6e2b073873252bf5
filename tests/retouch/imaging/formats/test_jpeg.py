"""Tests of JPEG structure. The hostile files in tests/cases/images cover the rest."""

import io
import random
from dataclasses import replace

import pytest
from PIL import Image, ImageChops, ImageStat

from retouch.imaging.codec import decode
from retouch.imaging.errors import InvalidImage
from retouch.imaging.formats import jpeg
from retouch.imaging.limits import DEFAULT_LIMITS
from tests.retouch.imaging.arithmetic_jpegs import PROGRESSIVE, SEQUENTIAL
from tests.retouch.imaging.samples import exif_with_orientation, sample_bytes, sample_image
from tests.support.images import decode_image, encode_image

PLAIN_JPEG = sample_bytes("jpeg")
SCAN_OFFSET = PLAIN_JPEG.index(b"\xff\xda")


def rejection_code(data, limits=DEFAULT_LIMITS):
    with pytest.raises(InvalidImage) as exc_info:
        jpeg.check_structure(data, limits)
    return exc_info.value.code


@pytest.mark.parametrize("kind", ["jpeg", "jpeg-progressive", "jpeg-grey", "jpeg-cmyk"])
def test_jpeg_frame_header_is_read(kind):
    header = jpeg.check_structure(sample_bytes(kind), DEFAULT_LIMITS)
    assert (header.width, header.height, header.has_alpha, header.orientation) == (45, 30, False, 1)


def test_jpeg_cut_at_any_offset_is_truncated():
    for end in range(4, len(PLAIN_JPEG) - 1, 7):
        assert rejection_code(PLAIN_JPEG[:end]) == "image_truncated"


def test_jpeg_with_two_or_no_frame_headers_is_rejected():
    start = PLAIN_JPEG.index(b"\xff\xc0")
    frame_header = PLAIN_JPEG[start : start + 19]
    assert (
        rejection_code(PLAIN_JPEG[:start] + frame_header + PLAIN_JPEG[start:])
        == "image_parse_error"
    )
    assert rejection_code(PLAIN_JPEG[:start] + PLAIN_JPEG[start + 19 :]) == "image_parse_error"


@pytest.mark.parametrize("kind", [0xC3, 0xC5, 0xCB, 0xCF])
def test_uncommon_jpeg_process_is_unsupported(kind):
    data = PLAIN_JPEG.replace(b"\xff\xc0", bytes((0xFF, kind)), 1)
    assert rejection_code(data) == "unsupported_image_format"


@pytest.mark.parametrize("data", [SEQUENTIAL, PROGRESSIVE])
def test_arithmetic_jpeg_is_accepted_and_decoded(data):
    assert jpeg.check_structure(data, DEFAULT_LIMITS).displayed_size == (45, 30)
    assert jpeg.uses_arithmetic_coding(data)
    difference = ImageChops.difference(decode(data), sample_image().convert("RGB"))
    assert max(ImageStat.Stat(difference).mean) < 20


def test_huffman_jpeg_does_not_use_arithmetic_coding():
    assert not jpeg.uses_arithmetic_coding(PLAIN_JPEG)


def test_fill_and_stray_bytes_before_marker_are_skipped():
    start = PLAIN_JPEG.index(b"\xff\xdb")
    data = PLAIN_JPEG[:start] + b"\0stray\xff\0\xff\xff" + PLAIN_JPEG[start:]
    assert jpeg.check_structure(data, DEFAULT_LIMITS).width == 45


def test_jpeg_limits_are_exact():
    count = sum(1 for _ in jpeg.iter_segments(PLAIN_JPEG))
    ok = replace(DEFAULT_LIMITS, side=45, pixels=45 * 30, pieces=count - 1)
    jpeg.check_structure(PLAIN_JPEG, ok)
    assert rejection_code(PLAIN_JPEG, replace(ok, side=44)) == "image_too_large"
    assert rejection_code(PLAIN_JPEG, replace(ok, pixels=45 * 30 - 1)) == "image_too_large"
    assert rejection_code(PLAIN_JPEG, replace(ok, pieces=count - 2)) == "image_metadata_too_large"


def test_first_exif_segment_gives_orientation():
    first = encode_image(sample_image().convert("RGB"), "JPEG", exif=exif_with_orientation(6))
    second = encode_image(sample_image().convert("RGB"), "JPEG", exif=exif_with_orientation(3))
    block = second[2 : second.index(b"\xff\xdb")]
    offset = first.index(b"\xff\xdb")
    assert (
        jpeg.check_structure(first[:offset] + block + first[offset:], DEFAULT_LIMITS).orientation
        == 6
    )


def test_strip_metadata_keeps_pixels_and_profile():
    image = sample_image().convert("RGB")
    original = encode_image(
        image, "JPEG", exif=exif_with_orientation(6), comment=b"secret", icc_profile=b"profile"
    )
    stripped = jpeg.strip_metadata(original + b"trailing")
    assert stripped == encode_image(image, "JPEG", icc_profile=b"profile")


def test_end_marker_inside_segment_between_scans_is_ignored():
    data = sample_bytes("jpeg-progressive")
    second = data.index(b"\xff\xc4", data.index(b"\xff\xda"))
    tricky = data[:second] + b"\xff\xfe\0\4\xff\xd9" + data[second:]
    assert jpeg.strip_metadata(tricky) == data
    table = data[:second] + b"\xff\xdd\0\4\xff\xd9" + data[second:]
    assert jpeg.strip_metadata(table).endswith(data[second:])


def test_second_image_after_end_marker_is_removed():
    stripped = jpeg.strip_metadata(PLAIN_JPEG + PLAIN_JPEG)
    assert stripped == jpeg.strip_metadata(PLAIN_JPEG)
    with Image.open(io.BytesIO(stripped), formats=["JPEG"]) as image:
        image.load()


def test_restart_markers_do_not_end_the_image():
    image = Image.frombytes("RGB", (256, 256), random.Random(1).randbytes(196_608))
    data = encode_image(image, "JPEG", restart_marker_blocks=1)
    assert len(jpeg.strip_metadata(data)) == len(data)


SECRET_TEXT = b"51.5N 0.1W"


def segment(kind, body):
    return bytes((0xFF, kind)) + (len(body) + 2).to_bytes(2) + body


def insert_between_scans(data, extra):
    offset = data.index(b"\xff\xc4", data.index(b"\xff\xda"))
    return data[:offset] + extra + data[offset:]


@pytest.mark.parametrize(
    "extra",
    [
        segment(0xE0, b"JFXX\0\x10" + SECRET_TEXT),
        segment(0xE0, SECRET_TEXT),
        segment(0xE0, b"JFIF\0\1\2\0\0\1\0\1\1\1" + SECRET_TEXT),
        segment(0xEE, SECRET_TEXT),
        segment(0xEE, b"Adobe\0\x64\0\0\0\0\1" + SECRET_TEXT),
        segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + SECRET_TEXT),
        segment(0xED, SECRET_TEXT),
        segment(0xFE, SECRET_TEXT),
    ],
)
@pytest.mark.parametrize("kind", ["jpeg", "jpeg-progressive", "jpeg-cmyk"])
def test_non_image_segment_is_removed_at_any_position(kind, extra):
    plain = sample_bytes(kind)
    end = len(plain) - 2
    places = [plain[:2] + extra + plain[2:], plain[:end] + extra + plain[end:]]
    if kind == "jpeg-progressive":
        places.append(insert_between_scans(plain, extra))
    for original in places:
        stripped = jpeg.strip_metadata(original)
        assert SECRET_TEXT not in stripped
        assert jpeg.strip_metadata(stripped) == stripped
        jpeg.check_structure(stripped, DEFAULT_LIMITS)
        assert decode_image(stripped).tobytes() == decode_image(original).tobytes()


def test_segments_that_define_channels_are_kept():
    for kind in ("jpeg", "jpeg-grey", "jpeg-cmyk", "jpeg-progressive"):
        assert jpeg.strip_metadata(sample_bytes(kind)) == sample_bytes(kind)
    assert b"\xff\xee\0\x0eAdobe" in jpeg.strip_metadata(sample_bytes("jpeg-cmyk"))


def add_scans(data, count):
    """Return the JPEG with its last scan repeated."""
    start = data.rindex(b"\xff\xda")
    return data[:-2] + data[start:-2] * count + data[-2:]


PROGRESSIVE_JPEG = sample_bytes("jpeg-progressive")


@pytest.mark.parametrize("plain", [PROGRESSIVE_JPEG, PROGRESSIVE, sample_bytes("jpeg")])
def test_jpeg_scan_limit_is_exact(plain):
    scans = plain.count(b"\xff\xda")
    limits = replace(DEFAULT_LIMITS, jpeg_scan_pixels=45 * 30 * (scans + 5))
    jpeg.check_structure(add_scans(plain, 5), limits)
    assert rejection_code(add_scans(plain, 6), limits) == "image_metadata_too_large"


def with_size(data, width, height):
    at = data.index(b"\xff\xc2") + 5
    return data[:at] + height.to_bytes(2) + width.to_bytes(2) + data[at + 4 :]


def test_default_scan_limit_allows_more_scans_for_small_pictures():
    data = add_scans(PROGRESSIVE_JPEG, 100)
    jpeg.check_structure(data, DEFAULT_LIMITS)
    jpeg.check_structure(with_size(data, 4000, 3000), DEFAULT_LIMITS)
    jpeg.check_structure(with_size(PROGRESSIVE_JPEG, 8000, 6400), DEFAULT_LIMITS)
    assert rejection_code(with_size(data, 8000, 6400)) == "image_metadata_too_large"


@pytest.mark.parametrize(
    "disguise",
    [
        b"\xff\x01",  # TEM has no segment
        b"\xff\xff\xff",  # fill bytes
        b"\xff\xd0\xff\0",  # restart marker and stuffed byte
        b"\xff\xfe\0\2",  # empty comment
    ],
)
def test_scan_after_any_marker_is_counted(disguise):
    start = PROGRESSIVE_JPEG.rindex(b"\xff\xda")
    scan = disguise + PROGRESSIVE_JPEG[start:-2]
    data = PROGRESSIVE_JPEG[:-2] + scan * 100 + PROGRESSIVE_JPEG[-2:]
    assert rejection_code(with_size(data, 8000, 6400)) == "image_metadata_too_large"


def test_scans_in_comments_and_after_the_end_of_image_are_not_counted():
    extra = segment(0xFE, b"\xff\xda\0\2" * 1000)
    data = insert_between_scans(PROGRESSIVE_JPEG, extra) + PROGRESSIVE_JPEG * 100
    jpeg.check_structure(with_size(data, 8000, 6400), DEFAULT_LIMITS)


def test_too_many_markers_between_scans_are_rejected():
    data = insert_between_scans(PROGRESSIVE_JPEG, segment(0xFE, b"") * 16_400)
    assert rejection_code(data) == "image_metadata_too_large"


def test_strip_metadata_creates_no_marker_from_fill_bytes():
    extra = b"\xff" + segment(0xFE, b"") + b"\xda\0\2"
    stripped = jpeg.strip_metadata(insert_between_scans(PROGRESSIVE_JPEG, extra))
    assert stripped.count(b"\xff\xda") == PROGRESSIVE_JPEG.count(b"\xff\xda")
