"""Tests of images that are encoded again with fewer bytes."""

import pytest
from PIL import Image, ImageChops

from retouch.core.errors import InvalidRequest
from retouch.imaging.byte_limit import encode_lossless_below, encode_lossy_below
from retouch.imaging.inspect import inspect_image
from tests.support.images import decode_image, encode_image, scene
from tests.support.unusual_results import noise_image, png_with_missing_lines


def png_file(image):
    return inspect_image(encode_image(image, compress_level=0))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
def test_lossless_encoding_keeps_every_pixel(mode):
    image = scene(200, 150).convert(mode)
    if mode == "RGBA":
        image.putalpha(Image.linear_gradient("L").resize(image.size))
    smaller = encode_lossless_below(png_file(image), 20_000)
    assert smaller is not None
    assert len(smaller.data) <= 20_000
    difference = ImageChops.difference(
        decode_image(smaller.data).convert("RGBA"), image.convert("RGBA")
    )
    assert [band.getextrema() for band in difference.split()] == [(0, 0)] * 4


def test_image_that_needs_more_bytes_has_no_lossless_encoding():
    assert encode_lossless_below(png_file(noise_image(100, 100)), 20_000) is None


@pytest.mark.parametrize("format", ["JPEG", "WEBP"])
def test_lossy_file_is_not_encoded_without_loss(format):
    assert encode_lossless_below(inspect_image(encode_image(scene(), format)), 50_000) is None


def test_image_whose_lossless_encoding_needs_too_much_memory_is_not_encoded_without_loss():
    assert encode_lossless_below(png_file(Image.new("L", (2000, 4000))), 50_000) is not None
    assert encode_lossless_below(png_file(Image.new("L", (2001, 4000))), 50_000) is None


@pytest.mark.parametrize("max_bytes", [60_000, 20_000, 5_000, 1_000])
def test_lossy_encoding_has_at_most_the_given_bytes(max_bytes):
    smaller = encode_lossy_below(png_file(noise_image(200, 200)), max_bytes)
    assert smaller.format == "jpeg"
    assert max_bytes / 4 < len(smaller.data) <= max_bytes


def test_quality_is_reduced_before_the_size():
    large = png_file(noise_image(200, 200))
    assert encode_lossy_below(large, 60_000).size == (200, 200)
    assert encode_lossy_below(large, 5_000).width < 200


def test_transparent_image_stays_transparent():
    image = noise_image(100, 100)
    image.putalpha(100)
    smaller = encode_lossy_below(png_file(image), 3_000)
    assert (smaller.format, smaller.has_alpha) == ("webp", True)


def test_limit_below_any_image_raises_value_error():
    with pytest.raises(ValueError, match="no image has only 20 bytes"):
        encode_lossy_below(png_file(scene()), 20)


@pytest.mark.parametrize("encode", [encode_lossless_below, encode_lossy_below])
def test_damaged_image_raises_invalid_request(encode):
    with pytest.raises(InvalidRequest):
        encode(inspect_image(png_with_missing_lines()), 10_000)
