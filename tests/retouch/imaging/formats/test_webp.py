"""Tests of WebP structure. The hostile files in tests/cases/images cover the rest."""

from dataclasses import replace

import pytest

from retouch.imaging.errors import InvalidImage
from retouch.imaging.formats import webp
from retouch.imaging.limits import DEFAULT_LIMITS
from tests.retouch.imaging.samples import exif_with_orientation, sample_bytes, sample_image
from tests.support.images import decode_image, encode_image


def rejection_code(data, limits=DEFAULT_LIMITS):
    with pytest.raises(InvalidImage) as exc_info:
        webp.check_structure(data, limits)
    return exc_info.value.code


def riff_file(*chunks):
    body = b"WEBP" + b"".join(
        kind + len(data).to_bytes(4, "little") + data + b"\0" * (len(data) % 2)
        for kind, data in chunks
    )
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def chunks_of(data):
    return [(c.kind, data[c.start : c.end]) for c in webp.iter_chunks(data)]


@pytest.mark.parametrize(
    ("kind", "alpha"), [("webp", False), ("webp-lossless", True), ("webp-alpha", True)]
)
def test_webp_header_is_read(kind, alpha):
    result = webp.check_structure(sample_bytes(kind), DEFAULT_LIMITS)
    assert (result.width, result.height, result.has_alpha) == (45, 30, alpha)
    assert riff_file(*chunks_of(sample_bytes(kind))) == sample_bytes(kind)


@pytest.mark.parametrize("kind", ["webp", "webp-lossless", "webp-alpha"])
def test_webp_cut_at_any_offset_is_truncated(kind):
    data = sample_bytes(kind)
    for end in range(12, len(data), 5):
        assert rejection_code(data[:end]) == "image_truncated"


def test_exif_orientation_swaps_width_and_height():
    data = encode_image(sample_image(), "WEBP", exif=exif_with_orientation(8))
    assert webp.check_structure(data, DEFAULT_LIMITS).displayed_size == (30, 45)


def test_canvas_size_other_than_frame_size_is_rejected():
    chunks = dict(chunks_of(sample_bytes("webp-alpha")))
    canvas = bytearray(chunks[b"VP8X"])
    canvas[4] += 1
    data = riff_file(
        (b"VP8X", bytes(canvas)), (b"ALPH", chunks[b"ALPH"]), (b"VP8 ", chunks[b"VP8 "])
    )
    assert rejection_code(data) == "image_parse_error"


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
def test_invalid_webp_header_is_rejected(chunks):
    assert rejection_code(riff_file(*chunks)) == "image_parse_error"


def animation(kind, frames=1, offset=b"\0" * 6, more=()):
    """Return an animation whose frames are the sample image."""
    chunks = dict(chunks_of(sample_bytes(kind)))
    canvas = (44).to_bytes(3, "little") + (29).to_bytes(3, "little")
    pixels = [(name, chunks[name]) for name in (b"ALPH", b"VP8 ", b"VP8L") if name in chunks]
    frame = (b"ANMF", offset + canvas + b"\x64\0\0\2" + riff_file(*pixels)[12:])
    return riff_file(
        (b"VP8X", b"\x12\0\0\0" + canvas), (b"ANIM", bytes(6)), *[frame] * frames, *more
    )


@pytest.mark.parametrize("kind", ["webp", "webp-lossless", "webp-alpha"])
def test_animation_of_one_frame_is_a_still_image(kind):
    data = animation(kind, more=[(b"EXIF", exif_with_orientation(8).tobytes())])
    header = webp.check_structure(data, DEFAULT_LIMITS)
    assert (header.displayed_size, header.has_alpha) == ((30, 45), True)
    assert webp.is_lossy(data) == (kind != "webp-lossless")
    still = webp.strip_metadata(data)
    assert {kind for kind, _ in chunks_of(still)} <= {b"VP8X", b"ALPH", b"VP8 ", b"VP8L"}
    assert (
        decode_image(still).tobytes() == decode_image(sample_bytes(kind)).convert("RGBA").tobytes()
    )
    assert not getattr(decode_image(still), "is_animated", False)


@pytest.mark.parametrize(
    "data",
    [
        animation("webp", 2),
        animation("webp", 0),
        animation("webp", offset=b"\1\0\0\0\0\0"),
        animation("webp", more=chunks_of(sample_bytes("webp"))),
        riff_file((b"VP8X", b"\x02" + bytes(9))),
        riff_file((b"ANIM", bytes(6)), *chunks_of(sample_bytes("webp"))),
    ],
    ids=["frames", "no frame", "a part", "two images", "flag", "no header"],
)
def test_other_animation_is_rejected(data):
    assert rejection_code(data) == "image_animated"


def test_cut_frame_of_an_animation_is_truncated():
    data = bytearray(animation("webp"))
    at = data.index(b"VP8 ") + 4
    data[at : at + 4] = (100_000).to_bytes(4, "little")
    assert rejection_code(bytes(data)) == "image_truncated"


def test_webp_limits_are_exact():
    data = sample_bytes("webp-alpha")
    count = len(chunks_of(data))
    ok = replace(DEFAULT_LIMITS, side=45, pixels=45 * 30, pieces=count - 1)
    webp.check_structure(data, ok)
    assert rejection_code(data, replace(ok, side=44)) == "image_too_large"
    assert rejection_code(data, replace(ok, pixels=45 * 30 - 1)) == "image_too_large"
    assert rejection_code(data, replace(ok, webp_pixels=45 * 30 - 1)) == "image_too_large"
    assert rejection_code(data, replace(ok, pieces=count - 2)) == "image_metadata_too_large"


@pytest.mark.parametrize("options", [{}, {"lossless": True}])
def test_strip_metadata_keeps_pixels_and_profile(options):
    image = sample_image()
    without_metadata = encode_image(image, "WEBP", icc_profile=b"profile!", **options)
    original = encode_image(
        image,
        "WEBP",
        icc_profile=b"profile!",
        exif=exif_with_orientation(1),
        xmp=b"secret",
        **options,
    )
    assert len(original) > len(without_metadata)
    assert webp.strip_metadata(original + b"trailing") == without_metadata
    assert webp.read_icc_profile(original) == b"profile!"


@pytest.mark.parametrize("options", [{}, {"lossless": True}])
def test_removed_profile_is_cleared_from_header_flags(options):
    original = encode_image(sample_image(), "WEBP", icc_profile=b"profile!", **options)
    result = webp.strip_metadata(original, profile=False)
    assert webp.read_icc_profile(result) == b""
    assert original[20] & 0x20
    assert not result[20] & 0x20
    assert decode_image(result).tobytes() == decode_image(original).tobytes()
