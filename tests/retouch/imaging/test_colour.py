"""Tests of colours as a viewer shows them, and of images as a provider receives them."""

import zlib

import pytest
from PIL import Image, ImageChops

from retouch.core.errors import InvalidRequest
from retouch.imaging.codec import decode
from retouch.imaging.colour import decode_srgb, normalize_image, to_srgb
from retouch.imaging.colour_space import ColourSpace, PowerFunction, to_icc_profile
from retouch.imaging.formats.structure import read_icc_profile
from retouch.imaging.icc_matrix_profile import SRGB_PRIMARIES
from retouch.imaging.inspect import inspect_image
from tests.cases.images.build import IEND_CHUNK, SECRETS, SIGNATURE, chunk, header, private_exif
from tests.retouch.imaging import icc_profiles
from tests.retouch.imaging.samples import (
    SAMPLE_KINDS,
    exif_with_orientation,
    sample_bytes,
    sample_image,
    sample_in_mode,
)
from tests.support.images import channel_values, decode_image, encode_image

FORMATS = ("PNG", "JPEG", "WEBP")
BROKEN = [
    b"profile!",
    b"\0" * 500,
    icc_profiles.rgb_profile()[:200],
    bytes(16) + b"\xff" * 4,
    icc_profiles.rgb_profile() + bytes(5_000_000),
]


def with_profile(image, data, **info):
    image = image.copy()
    image.info = {"icc_profile": data, **info}
    return image


def test_image_without_profile_is_returned_unchanged():
    image = sample_image()
    assert to_srgb(image) is image


def test_wide_gamut_colours_are_converted_to_srgb():
    image = with_profile(
        Image.new("RGB", (2, 2), (200, 100, 50)), icc_profiles.rgb_profile(icc_profiles.P3)
    )
    result = to_srgb(image)
    # The expected value is computed with the published matrix from P3 to sRGB.
    assert is_near(result.getpixel((0, 0)), (215, 93, 31), 1)
    assert (result.mode, result.info) == ("RGB", {})
    assert image.info["icc_profile"]


def test_srgb_profile_of_another_vendor_changes_no_pixel():
    image = with_profile(sample_image().convert("RGB"), icc_profiles.rgb_profile(icc_profiles.SRGB))
    result = to_srgb(image)
    assert result.tobytes() == image.tobytes()
    assert result.info == {}


def test_srgb_conversion_preserves_transparency():
    image = with_profile(sample_image(), icc_profiles.red_blue_swapped_profile())
    result = to_srgb(image)
    assert result.mode == "RGBA"
    assert result.getchannel("A").tobytes() == image.getchannel("A").tobytes()
    red, green, blue = image.convert("RGB").split()
    swapped = Image.merge("RGB", (blue, green, red))
    assert max_difference(ImageChops.difference(result.convert("RGB"), swapped)) <= 2
    keyed = Image.new("P", (2, 1))
    keyed.putpalette([255, 0, 0, 0, 0, 255])
    keyed.putpixel((1, 0), 1)
    result = to_srgb(
        with_profile(keyed, icc_profiles.red_blue_swapped_profile(), transparency=bytes((0, 255)))
    )
    assert result.mode == "RGBA"
    assert [p[3] for p in (channel_values(result, (0, 0)), channel_values(result, (1, 0)))] == [
        0,
        255,
    ]
    assert is_near(channel_values(result, (1, 0))[:3], (255, 0, 0))


@pytest.mark.parametrize("mode", ["L", "LA", "1"])
def test_grey_profile_conversion_stays_grey(mode):
    level = {"1": 255}.get(mode, 128)
    fill = (level, 7) if mode == "LA" else level
    result = to_srgb(with_profile(Image.new(mode, (3, 3), fill), icc_profiles.grey_profile(1.0)))
    expected = 255 if mode == "1" else 188  # half of the light
    if mode == "LA":
        assert result.getpixel((0, 0)) == (expected, expected, expected, 7)
    else:
        assert (result.mode, result.getpixel((0, 0))) == ("L", expected)


@pytest.mark.parametrize(("mode", "fill"), [("L", 128), ("LA", (128, 7))])
def test_rgb_profile_is_applied_to_grey(mode, fill):
    """Browsers do the same. Half of the light of white is level 188 of sRGB."""
    linear_profile = to_icc_profile(ColourSpace(SRGB_PRIMARIES, PowerFunction(1.0)))
    result = to_srgb(with_profile(Image.new(mode, (3, 3), fill), linear_profile))
    assert result.mode == {"L": "L", "LA": "RGBA"}[mode]
    assert result.getpixel((0, 0)) == (188 if mode == "L" else (188, 188, 188, 7))


def test_cmyk_with_profile_is_converted_through_the_profile():
    paper, ink = (Image.new("CMYK", (2, 2), c) for c in ((0, 0, 0, 0), (255, 0, 0, 0)))
    assert is_near(
        to_srgb(with_profile(paper, icc_profiles.cmyk_profile())).getpixel((0, 0)), (255, 255, 255)
    )
    result = to_srgb(with_profile(ink, icc_profiles.cmyk_profile()))
    assert result.mode == "RGB"
    assert is_near(result.getpixel((0, 0)), (46, 46, 46))  # L* 50 in 8 bits is a dark grey
    data = encode_image(ink, "JPEG", icc_profile=icc_profiles.cmyk_profile())
    assert is_near(decode_srgb(data).getpixel((0, 0)), (46, 46, 46))
    assert channel_values(decode(data), (0, 0))[0] < 10


@pytest.mark.parametrize("data", BROKEN)
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "CMYK", "P"])
def test_broken_profile_is_dropped_without_changing_pixels(mode, data):
    image = sample_in_mode(mode)
    result = to_srgb(with_profile(image, data))
    assert (result.mode, result.tobytes(), result.info) == (mode, image.tobytes(), {})


@pytest.mark.parametrize(
    ("mode", "data"),
    [
        ("RGB", icc_profiles.grey_profile(1.0)),
        ("RGB", icc_profiles.cmyk_profile()),
        ("CMYK", icc_profiles.rgb_profile()),
    ],
)
def test_profile_for_other_channels_is_dropped_without_changing_pixels(mode, data):
    image = sample_in_mode(mode)
    result = to_srgb(with_profile(image, data))
    assert (result.mode, result.tobytes(), result.info) == (mode, image.tobytes(), {})


@pytest.mark.parametrize("kind", SAMPLE_KINDS)
def test_decode_srgb_without_profile_equals_decode(kind):
    assert decode_srgb(sample_bytes(kind)).tobytes() == decode(sample_bytes(kind)).tobytes()


@pytest.mark.parametrize(
    "kind", [k for k in SAMPLE_KINDS if k not in ("jpeg", "jpeg-grey", "jpeg-cmyk")]
)
def test_normal_image_is_returned_unchanged(kind):
    image = inspect_image(sample_bytes(kind))
    assert normalize_image(image) is image


@pytest.mark.parametrize("kind", ["jpeg", "jpeg-grey", "jpeg-progressive"])
def test_normal_jpeg_is_returned_unchanged(kind):
    image = inspect_image(sample_bytes(kind))
    assert normalize_image(image) is image


@pytest.mark.parametrize("format", FORMATS)
def test_normalize_image_removes_metadata_and_keeps_pixels(format):
    options = {"PNG": {}, "JPEG": {"comment": b"<script>"}, "WEBP": {"xmp": b"<script>"}}[format]
    data = encode_image(sample_image().convert("RGB"), format, exif=private_exif(), **options)
    image = inspect_image(data + b"PK\x03\x04")
    result = normalize_image(image)
    assert any(secret in image.data for secret in SECRETS)
    assert not any(secret in result.data for secret in SECRETS)
    assert decode(result).tobytes() == decode(image).tobytes()
    assert normalize_image(result) is result


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("data", [icc_profiles.rgb_profile(icc_profiles.SRGB), b"profile!"])
def test_ineffective_profile_is_removed(format, data):
    image = inspect_image(encode_image(sample_image().convert("RGB"), format, icc_profile=data))
    assert read_icc_profile(image.data, image.format) == data
    result = normalize_image(image)
    assert read_icc_profile(result.data, result.format) == b""
    assert len(result.data) < len(image.data)
    assert decode(result).tobytes() == decode(image).tobytes()
    assert decode_image(result.data).info.get("icc_profile") is None


@pytest.mark.parametrize("format", FORMATS)
def test_image_with_other_profile_is_converted_to_srgb(format):
    image = Image.new("RGB", (16, 16), (200, 40, 40))
    encoded_image = inspect_image(
        encode_image(image, format, icc_profile=icc_profiles.red_blue_swapped_profile())
    )
    result = normalize_image(encoded_image)
    assert result.format == encoded_image.format
    assert is_near(decode(result).getpixel((8, 8)), (40, 40, 200), 6)
    assert read_icc_profile(result.data, result.format) == b""


def test_profile_in_many_segments_is_joined():
    data = icc_profiles.red_blue_swapped_profile() + bytes(200_000)
    image = inspect_image(encode_image(sample_image().convert("RGB"), "JPEG", icc_profile=data))
    assert read_icc_profile(image.data, "jpeg") == data


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("orientation", [3, 6])
def test_rotated_image_is_turned_upright(format, orientation):
    image = inspect_image(
        encode_image(sample_image().convert("RGB"), format, exif=exif_with_orientation(orientation))
    )
    result = normalize_image(image)
    assert (result.size, result.has_exif_rotation, result.format) == (
        image.size,
        False,
        image.format,
    )
    assert max_difference(ImageChops.difference(decode(result), decode(image))) < 60
    assert normalize_image(result) is result


def test_16_bit_and_cmyk_images_become_8_bit_rgb():
    lines = zlib.compress((b"\0" + b"\x80\0\x40\0\x20\0" * 8) * 8)
    deep_image = inspect_image(SIGNATURE + header(8, 8, 16, 2) + chunk(b"IDAT", lines) + IEND_CHUNK)
    result = normalize_image(deep_image)
    assert (result.data[24], decode(result).getpixel((0, 0))) == (8, (0x80, 0x40, 0x20))
    cmyk_image = inspect_image(sample_bytes("jpeg-cmyk"))
    result = normalize_image(cmyk_image)
    assert (result.format, decode_image(result.data).mode) == ("jpeg", "RGB")
    assert normalize_image(result) is result


def test_undecodable_image_raises_image_parse_error():
    turned = encode_image(sample_image().convert("RGB"), "JPEG", exif=exif_with_orientation(6))
    image = inspect_image(turned[: turned.index(b"\xff\xda")] + b"\xff\xda\0\2\xff\xd9")
    with pytest.raises(InvalidRequest) as exc_info:
        normalize_image(image)
    assert exc_info.value.code == "image_parse_error"


def is_near(first, second, tolerance=2):
    return all(abs(a - b) <= tolerance for a, b in zip(first, second, strict=True))


def max_difference(difference):
    return max(high for _, high in difference.getextrema())
