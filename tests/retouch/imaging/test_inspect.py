import zlib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retouch.core.edit_types import EncodedImage
from retouch.core.errors import InvalidRequest, TooLarge, UnsupportedMedia
from retouch.imaging.codec import decode
from retouch.imaging.colour import normalize_image
from retouch.imaging.inspect import inspect_image
from retouch.imaging.limits import DEFAULT_LIMITS
from retouch.imaging.masks.read import mask_from_alpha, read_mask
from tests.retouch.imaging.samples import (
    ALL_SAMPLE_KINDS,
    KINDS_WITH_ALPHA,
    exif_with_orientation,
    sample_bytes,
    sample_image,
)
from tests.support.images import encode_image

CODES = {
    "empty_image_file",
    "image_file_too_large",
    "unsupported_image_format",
    "image_parse_error",
    "image_truncated",
    "image_too_large",
    "image_animated",
    "image_multipage",
    "image_metadata_too_large",
}


def rejection_of(data, **options):
    with pytest.raises(InvalidRequest) as exc_info:
        inspect_image(data, **options)
    return exc_info.value


@pytest.mark.parametrize("kind", ALL_SAMPLE_KINDS)
def test_every_sample_kind_is_described(kind):
    data = sample_bytes(kind)
    image = inspect_image(data)
    assert image == EncodedImage(
        data, kind.partition("-")[0], 45, 30, kind in KINDS_WITH_ALPHA, False
    )


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("value", range(1, 9))
def test_size_is_as_displayed_after_exif_orientation(format, value):
    image = sample_image().convert("RGB")
    encoded_image = inspect_image(encode_image(image, format, exif=exif_with_orientation(value)))
    assert encoded_image.size == ((30, 45) if value >= 5 else (45, 30))
    assert encoded_image.has_exif_rotation == (value != 1)


@pytest.mark.parametrize(
    ("param", "name"),
    [
        ("image", "The image"),
        ("mask", "The mask"),
        ("image[0]", "Image 1"),
        ("image[11]", "Image 12"),
        ("image_url", "The image"),
    ],
)
def test_error_names_file_and_remedy(param, name):
    error = rejection_of(b"8BPS\0\1" + bytes(20), param=param)
    formats = "PNG, JPEG, WebP, HEIC, AVIF, GIF, TIFF and BMP"
    assert str(error) == f"{name} is a PSD file; {formats} are accepted. Convert it first."
    assert (error.param, error.code, error.status) == (param, "unsupported_image_format", 400)
    assert isinstance(error, UnsupportedMedia)


def test_error_uses_correct_article_before_format():
    names = {
        "a": (b"GIF88a", b"%PDF-1", b"BM", b"II+\0"),
        "an": (b"\0\0\1\0", b"<svg/>", b"<html>"),
    }
    for article, starts in names.items():
        for start in starts:
            assert f"The image is {article} " in str(rejection_of(start))


def test_empty_file_has_code_empty_image_file():
    error = rejection_of(b"")
    assert (error.code, error.status) == ("empty_image_file", 400)


def test_byte_and_pixel_limits_are_exact():
    data = sample_bytes("png")
    ok = replace(DEFAULT_LIMITS, image_bytes=len(data), side=45, pixels=45 * 30)
    inspect_image(data, limits=ok)
    error = rejection_of(data, limits=replace(ok, image_bytes=len(data) - 1))
    assert isinstance(error, TooLarge)
    assert (error.code, error.status) == ("image_file_too_large", 413)
    assert str(len(data)) in str(error)
    error = rejection_of(data, limits=replace(ok, pixels=45 * 30 - 1))
    assert isinstance(error, TooLarge)
    assert (error.code, error.status) == ("image_too_large", 400)
    assert "45x30" in str(error)
    assert "1349" in str(error)


def test_either_side_over_limit_is_too_large():
    for size in ((45, 30), (30, 45)):
        data = sample_bytes("png", size)
        inspect_image(data, limits=replace(DEFAULT_LIMITS, side=45))
        assert rejection_of(data, limits=replace(DEFAULT_LIMITS, side=44)).code == "image_too_large"


def test_byte_limit_is_checked_before_format():
    assert (
        rejection_of(b"x" * 100, limits=replace(DEFAULT_LIMITS, image_bytes=99)).code
        == "image_file_too_large"
    )


def with_valid_checksums(data):
    """Return the PNG with valid checksums, so that the damage gets past them."""
    fixed = bytearray(data)
    offset = 8
    while offset + 12 <= len(fixed):
        end = offset + 8 + int.from_bytes(fixed[offset : offset + 4])
        fixed[end : end + 4] = zlib.crc32(fixed[offset + 4 : end]).to_bytes(4)
        offset = end + 4
    return bytes(fixed)


@st.composite
def damaged_files(draw):
    """Draw a real image file with a few bytes changed, inserted or removed."""
    kind = draw(st.sampled_from(list(ALL_SAMPLE_KINDS)))
    data = bytearray(sample_bytes(kind))
    for _ in range(draw(st.integers(1, 4))):
        early_offset = st.integers(0, min(80, len(data)))
        offset = draw(st.one_of(early_offset, st.integers(0, len(data))))
        removed = draw(st.sampled_from([0, 1, 1, 4, 50, 100_000]))
        data[offset : offset + removed] = draw(
            st.one_of(
                st.binary(max_size=8), st.sampled_from([b"\xff" * 4, b"ANIM", b"\xff\xd9\xff\xd8"])
            )
        )
    return (
        with_valid_checksums(data)
        if draw(st.booleans()) and kind.startswith("png")
        else bytes(data)
    )


def result_or_code(function, *args):
    """Return the result, or the code of an InvalidRequest. Any other exception fails the test."""
    try:
        return function(*args)
    except InvalidRequest as error:
        assert str(error).startswith(("The image ", "The mask "))
        assert error.param in ("image", "mask")
        return error.code


@settings(max_examples=400, deadline=None)
@given(damaged_files())
def test_damaged_file_gives_image_or_invalid_request(data):
    result = result_or_code(inspect_image, data)
    if isinstance(result, str):
        assert result in CODES
        return
    image = result_or_code(decode, result)
    assert isinstance(image, str) or image.size == result.size
    for function in (normalize_image, mask_from_alpha):
        result_or_code(function, result)
    mask = result_or_code(read_mask, data, result)
    assert isinstance(mask, str) or mask.pixels.size == result.size


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(list(ALL_SAMPLE_KINDS)), st.integers(0, 60))
def test_noise_after_valid_header_gives_image_or_known_code(noise, kind, kept):
    result = result_or_code(inspect_image, sample_bytes(kind)[:kept] + noise)
    assert result in CODES or isinstance(result, EncodedImage)
