import zlib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retouch.errors import InvalidRequest, TooLarge, UnsupportedMedia
from retouch.messages import Picture
from retouch.pixels.colour import normalise
from retouch.pixels.convert import decode
from retouch.pixels.inspect import inspect
from retouch.pixels.limits import DEFAULT
from retouch.pixels.mask import mask_from_alpha, read_mask
from tests.retouch.pixels.samples import CLEAR, KINDS, content, exif, sample
from tests.support.pictures import encoded

CODES = {
    "empty_image_file",
    "image_file_too_large",
    "unsupported_image_format",
    "image_parse_error",
    "image_truncated",
    "image_too_large",
    "image_animated",
    "image_metadata_too_large",
}


def refused(data, **options):
    with pytest.raises(InvalidRequest) as caught:
        inspect(data, **options)
    return caught.value


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_described(kind):
    data = sample(kind)
    picture = inspect(data)
    assert picture == Picture(data, kind.partition("-")[0], 45, 30, kind in CLEAR, False)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("value", range(1, 9))
def test_sizes_are_as_displayed(format, value):
    image = content().convert("RGB")
    picture = inspect(encoded(image, format, exif=exif(value)))
    assert picture.size == ((30, 45) if value >= 5 else (45, 30))
    assert picture.rotated == (value != 1)


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
def test_errors_name_the_file_and_the_remedy(param, name):
    error = refused(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", param=param)
    assert (
        str(error) == f"{name} is a HEIC file; PNG, JPEG and WebP are accepted. Convert it first."
    )
    assert (error.param, error.code, error.status) == (param, "unsupported_image_format", 400)
    assert isinstance(error, UnsupportedMedia)


def test_articles_follow_the_sound():
    names = {
        "a": (b"GIF89a", b"%PDF-1", b"BM", b"II+\0"),
        "an": (b"\0\0\1\0", b"<svg/>", b"<html>"),
    }
    for article, starts in names.items():
        for start in starts:
            assert f"The image is {article} " in str(refused(start))


def test_an_empty_file_is_called_empty():
    error = refused(b"")
    assert (error.code, error.status) == ("empty_image_file", 400)


def test_bytes_and_pixels_are_counted():
    data = sample("png")
    ok = replace(DEFAULT, image_bytes=len(data), side=45, pixels=45 * 30)
    inspect(data, limits=ok)
    error = refused(data, limits=replace(ok, image_bytes=len(data) - 1))
    assert isinstance(error, TooLarge)
    assert (error.code, error.status) == ("image_file_too_large", 413)
    assert str(len(data)) in str(error)
    error = refused(data, limits=replace(ok, pixels=45 * 30 - 1))
    assert isinstance(error, TooLarge)
    assert (error.code, error.status) == ("image_too_large", 400)
    assert "45x30" in str(error)
    assert "1349" in str(error)


def test_neither_side_may_be_too_long():
    for size in ((45, 30), (30, 45)):
        data = sample("png", size)
        inspect(data, limits=replace(DEFAULT, side=45))
        assert refused(data, limits=replace(DEFAULT, side=44)).code == "image_too_large"


def test_size_is_asked_before_format():
    assert (
        refused(b"x" * 100, limits=replace(DEFAULT, image_bytes=99)).code == "image_file_too_large"
    )


def mended(data):
    """The same PNG with right checksums, so that damage gets past them."""
    fixed = bytearray(data)
    at = 8
    while at + 12 <= len(fixed):
        end = at + 8 + int.from_bytes(fixed[at : at + 4])
        fixed[end : end + 4] = zlib.crc32(fixed[at + 4 : end]).to_bytes(4)
        at = end + 4
    return bytes(fixed)


@st.composite
def damaged(draw):
    """A real picture with a few bytes changed, inserted or missing."""
    kind = draw(st.sampled_from(list(KINDS)))
    data = bytearray(sample(kind))
    for _ in range(draw(st.integers(1, 4))):
        near = st.integers(0, min(80, len(data)))
        at = draw(st.one_of(near, st.integers(0, len(data))))
        gone = draw(st.sampled_from([0, 1, 1, 4, 50, 100_000]))
        data[at : at + gone] = draw(
            st.one_of(
                st.binary(max_size=8), st.sampled_from([b"\xff" * 4, b"ANIM", b"\xff\xd9\xff\xd8"])
            )
        )
    return mended(data) if draw(st.booleans()) and kind.startswith("png") else bytes(data)


def outcome(function, *args):
    """The result, or the code of a polite refusal; any other exception is a failure."""
    try:
        return function(*args)
    except InvalidRequest as error:
        assert str(error).startswith(("The image ", "The mask "))
        assert error.param in ("image", "mask")
        return error.code


@settings(max_examples=400, deadline=None)
@given(damaged())
def test_damage_gives_a_picture_or_a_polite_refusal(data):
    found = outcome(inspect, data)
    if isinstance(found, str):
        assert found in CODES
        return
    image = outcome(decode, found)
    assert isinstance(image, str) or image.size == found.size
    for function in (normalise, mask_from_alpha):
        outcome(function, found)
    mask = outcome(read_mask, data, found)
    assert isinstance(mask, str) or mask.edit.size == found.size


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(list(KINDS)), st.integers(0, 60))
def test_noise_after_a_true_beginning_is_refused(noise, kind, kept):
    found = outcome(inspect, sample(kind)[:kept] + noise)
    assert found in CODES or isinstance(found, Picture)
