"""JPEG structure; the hostile files in tests/cases/images cover the rest."""

import io
import random
from dataclasses import replace

import pytest
from PIL import Image

from retouch.pixels import jpeg
from retouch.pixels.limits import DEFAULT
from retouch.pixels.refusal import UnfitError
from tests.retouch.pixels.samples import content, exif, sample
from tests.support.pictures import encoded, opened

PLAIN = sample("jpeg")
SCAN = PLAIN.index(b"\xff\xda")


def code(data, limits=DEFAULT):
    with pytest.raises(UnfitError) as caught:
        jpeg.read(data, limits)
    return caught.value.code


@pytest.mark.parametrize("kind", ["jpeg", "jpeg-progressive", "jpeg-grey", "jpeg-cmyk"])
def test_the_frame_header_is_read(kind):
    found = jpeg.read(sample(kind), DEFAULT)
    assert (found.width, found.height, found.has_alpha, found.orientation) == (45, 30, False, 1)


def test_a_file_cut_anywhere_is_refused():
    for end in range(4, len(PLAIN) - 1, 7):
        assert code(PLAIN[:end]) == "image_truncated"


def test_two_frames_or_none_make_no_sense():
    start = PLAIN.index(b"\xff\xc0")
    frame = PLAIN[start : start + 19]
    assert code(PLAIN[:start] + frame + PLAIN[start:]) == "image_parse_error"
    assert code(PLAIN[:start] + PLAIN[start + 19 :]) == "image_parse_error"


@pytest.mark.parametrize("kind", [0xC3, 0xC5, 0xC9, 0xCA, 0xCF])
def test_uncommon_processes_are_refused_by_name(kind):
    data = PLAIN.replace(b"\xff\xc0", bytes((0xFF, kind)), 1)
    assert code(data) == "unsupported_image_format"


def test_fill_bytes_and_stray_bytes_before_a_marker_are_skipped():
    start = PLAIN.index(b"\xff\xdb")
    data = PLAIN[:start] + b"\0stray\xff\0\xff\xff" + PLAIN[start:]
    assert jpeg.read(data, DEFAULT).width == 45


def test_limits_hold_at_the_limit_and_not_beyond():
    count = sum(1 for _ in jpeg.segments(PLAIN))
    ok = replace(DEFAULT, side=45, pixels=45 * 30, pieces=count - 1)
    jpeg.read(PLAIN, ok)
    assert code(PLAIN, replace(ok, side=44)) == "image_too_large"
    assert code(PLAIN, replace(ok, pixels=45 * 30 - 1)) == "image_too_large"
    assert code(PLAIN, replace(ok, pieces=count - 2)) == "image_metadata_too_large"


def test_the_first_exif_counts():
    one = encoded(content().convert("RGB"), "JPEG", exif=exif(6))
    two = encoded(content().convert("RGB"), "JPEG", exif=exif(3))
    block = two[2 : two.index(b"\xff\xdb")]
    at = one.index(b"\xff\xdb")
    assert jpeg.read(one[:at] + block + one[at:], DEFAULT).orientation == 6


def test_essence_drops_metadata_and_keeps_pixels_and_profile():
    image = content().convert("RGB")
    full = encoded(image, "JPEG", exif=exif(6), comment=b"secret", icc_profile=b"profile")
    bare = jpeg.essence(full + b"trailing")
    assert bare == encoded(image, "JPEG", icc_profile=b"profile")


def test_the_end_of_image_is_not_looked_for_in_tables_between_scans():
    data = sample("jpeg-progressive")
    second = data.index(b"\xff\xc4", data.index(b"\xff\xda"))
    tricky = data[:second] + b"\xff\xfe\0\4\xff\xd9" + data[second:]
    assert jpeg.essence(tricky) == data
    table = data[:second] + b"\xff\xdd\0\4\xff\xd9" + data[second:]
    assert jpeg.essence(table).endswith(data[second:])


def test_a_second_picture_behind_the_first_is_cut_off():
    bare = jpeg.essence(PLAIN + PLAIN)
    assert bare == jpeg.essence(PLAIN)
    with Image.open(io.BytesIO(bare), formats=["JPEG"]) as image:
        image.load()


def test_restart_markers_do_not_end_the_picture():
    image = Image.frombytes("RGB", (256, 256), random.Random(1).randbytes(196_608))
    data = encoded(image, "JPEG", restart_marker_blocks=1)
    assert len(jpeg.essence(data)) == len(data)


SECRET = b"51.5N 0.1W"


def segment(kind, body):
    return bytes((0xFF, kind)) + (len(body) + 2).to_bytes(2) + body


def between_scans(data, extra):
    at = data.index(b"\xff\xc4", data.index(b"\xff\xda"))
    return data[:at] + extra + data[at:]


@pytest.mark.parametrize(
    "extra",
    [
        segment(0xE0, b"JFXX\0\x10" + SECRET),
        segment(0xE0, SECRET),
        segment(0xE0, b"JFIF\0\1\2\0\0\1\0\1\1\1" + SECRET),
        segment(0xEE, SECRET),
        segment(0xEE, b"Adobe\0\x64\0\0\0\0\1" + SECRET),
        segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + SECRET),
        segment(0xED, SECRET),
        segment(0xFE, SECRET),
    ],
)
@pytest.mark.parametrize("kind", ["jpeg", "jpeg-progressive", "jpeg-cmyk"])
def test_nothing_that_is_no_picture_is_left_wherever_it_stands(kind, extra):
    plain = sample(kind)
    end = len(plain) - 2
    places = [plain[:2] + extra + plain[2:], plain[:end] + extra + plain[end:]]
    if kind == "jpeg-progressive":
        places.append(between_scans(plain, extra))
    for full in places:
        bare = jpeg.essence(full)
        assert SECRET not in bare
        assert jpeg.essence(bare) == bare
        jpeg.read(bare, DEFAULT)
        assert opened(bare).tobytes() == opened(full).tobytes()


def test_what_tells_the_channels_is_kept():
    for kind in ("jpeg", "jpeg-grey", "jpeg-cmyk", "jpeg-progressive"):
        assert jpeg.essence(sample(kind)) == sample(kind)
    assert b"\xff\xee\0\x0eAdobe" in jpeg.essence(sample("jpeg-cmyk"))
