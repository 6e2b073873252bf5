"""WebP structure; the hostile files in tests/cases/images cover the rest."""

from dataclasses import replace

import pytest

from retouch.pixels import webp
from retouch.pixels.limits import DEFAULT
from retouch.pixels.refusal import UnfitError
from tests.retouch.pixels.samples import content, exif, sample
from tests.support.pictures import encoded, opened


def code(data, limits=DEFAULT):
    with pytest.raises(UnfitError) as caught:
        webp.read(data, limits)
    return caught.value.code


def riff(*chunks):
    body = b"WEBP" + b"".join(
        kind + len(data).to_bytes(4, "little") + data + b"\0" * (len(data) % 2)
        for kind, data in chunks
    )
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def parts(data):
    return [(c.kind, data[c.start : c.end]) for c in webp.chunks(data)]


@pytest.mark.parametrize(
    ("kind", "alpha"), [("webp", False), ("webp-lossless", True), ("webp-alpha", True)]
)
def test_the_header_is_read(kind, alpha):
    found = webp.read(sample(kind), DEFAULT)
    assert (found.width, found.height, found.has_alpha) == (45, 30, alpha)
    assert riff(*parts(sample(kind))) == sample(kind)


@pytest.mark.parametrize("kind", ["webp", "webp-lossless", "webp-alpha"])
def test_a_file_cut_anywhere_is_refused(kind):
    data = sample(kind)
    for end in range(12, len(data), 5):
        assert code(data[:end]) == "image_truncated"


def test_orientation_is_read_and_swaps_the_sides():
    data = encoded(content(), "WEBP", exif=exif(8))
    assert webp.read(data, DEFAULT).displayed == (30, 45)


def test_the_canvas_and_the_frame_must_agree():
    chunks = dict(parts(sample("webp-alpha")))
    canvas = bytearray(chunks[b"VP8X"])
    canvas[4] += 1
    data = riff((b"VP8X", bytes(canvas)), (b"ALPH", chunks[b"ALPH"]), (b"VP8 ", chunks[b"VP8 "]))
    assert code(data) == "image_parse_error"


@pytest.mark.parametrize(
    "chunks",
    [
        [],
        [(b"VP8X", bytes(10))],
        [(b"VP8X", bytes(9))],
        [(b"VP8 ", b"")],
        [(b"VP8 ", b"\1\0\0\x9d\x01\x2a\x08\0\x08\0\0")],
        [(b"VP8 ", b"\0\0\0\x9d\x01\x2b\x08\0\x08\0\0")],
        [(b"VP8 ", b"\0\0\0\x9d\x01\x2a\x00\0\x08\0\0")],
        [(b"VP8L", b"\x2f\0\0\0")],
        [(b"VP8L", b"\x2e\0\0\0\0\0")],
        [(b"VP8L", b"\x2f\0\0\0\xe0\0")],
    ],
)
def test_headers_that_make_no_sense_are_refused(chunks):
    assert code(riff(*chunks)) == "image_parse_error"


def test_animations_are_refused_by_flag_and_by_chunk():
    assert code(riff((b"VP8X", b"\x02" + bytes(9)))) == "image_animated"
    chunks = parts(sample("webp"))
    assert code(riff((b"ANIM", bytes(6)), *chunks)) == "image_animated"


def test_limits_hold_at_the_limit_and_not_beyond():
    data = sample("webp-alpha")
    count = len(parts(data))
    ok = replace(DEFAULT, side=45, pixels=45 * 30, pieces=count - 1)
    webp.read(data, ok)
    assert code(data, replace(ok, side=44)) == "image_too_large"
    assert code(data, replace(ok, pixels=45 * 30 - 1)) == "image_too_large"
    assert code(data, replace(ok, webp_pixels=45 * 30 - 1)) == "image_too_large"
    assert code(data, replace(ok, pieces=count - 2)) == "image_metadata_too_large"


@pytest.mark.parametrize("options", [{}, {"lossless": True}])
def test_essence_drops_metadata_and_keeps_pixels_and_profile(options):
    image = content()
    bare = encoded(image, "WEBP", icc_profile=b"profile!", **options)
    full = encoded(image, "WEBP", icc_profile=b"profile!", exif=exif(1), xmp=b"secret", **options)
    assert len(full) > len(bare)
    assert webp.essence(full + b"trailing") == bare
    assert webp.profile(full) == b"profile!"


@pytest.mark.parametrize("options", [{}, {"lossless": True}])
def test_a_profile_that_is_cut_out_is_no_longer_announced(options):
    full = encoded(content(), "WEBP", icc_profile=b"profile!", **options)
    found = webp.essence(full, profile=False)
    assert webp.profile(found) == b""
    assert full[20] & 0x20
    assert not found[20] & 0x20
    assert opened(found).tobytes() == opened(full).tobytes()
