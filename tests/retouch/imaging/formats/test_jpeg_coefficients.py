from dataclasses import replace

import pytest

from retouch.core.errors import InvalidRequest
from retouch.imaging import codec
from retouch.imaging.codec import decode
from retouch.imaging.formats.jpeg_coefficients import coefficient_bytes
from retouch.imaging.limits import DEFAULT_LIMITS
from tests.support.images import encode_image, scene

PIXELS = 64 * 48


def jpeg(mode="RGB", **options):
    return encode_image(scene(64, 48).convert(mode), "JPEG", **options)


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
def test_baseline_jpeg_needs_no_coefficients_in_memory(subsampling):
    assert coefficient_bytes(jpeg(subsampling=subsampling)) == 0


@pytest.mark.parametrize(
    ("mode", "subsampling", "bytes_per_pixel"),
    [("RGB", "4:4:4", 6), ("RGB", "4:2:2", 4), ("RGB", "4:2:0", 3), ("CMYK", "4:4:4", 8)],
)
def test_progressive_jpeg_needs_two_bytes_for_each_coefficient(mode, subsampling, bytes_per_pixel):
    data = jpeg(mode, progressive=True, subsampling=subsampling)
    assert coefficient_bytes(data) == bytes_per_pixel * PIXELS


def test_grey_progressive_jpeg_needs_two_bytes_for_each_pixel():
    assert coefficient_bytes(jpeg("L", progressive=True)) == 2 * PIXELS


def test_jpeg_with_too_many_coefficients_is_refused_with_a_remedy(monkeypatch):
    limits = replace(DEFAULT_LIMITS, jpeg_coefficient_bytes=6 * PIXELS - 1)
    monkeypatch.setattr(codec, "DEFAULT_LIMITS", limits)
    with pytest.raises(InvalidRequest, match="Save it as a baseline JPEG") as caught:
        decode(jpeg(progressive=True, subsampling="4:4:4"))
    assert (caught.value.code, caught.value.status) == ("image_too_large", 400)
    assert decode(jpeg(subsampling="4:4:4")).size == (64, 48)
