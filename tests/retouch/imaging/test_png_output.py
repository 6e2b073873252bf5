import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from retouch.core.edit_types import EncodedImage
from retouch.imaging.codec import decode
from retouch.imaging.inspect import inspect_image
from retouch.imaging.png_output import recompress_png, recompress_png_same_mode
from tests.retouch.imaging import icc_profiles
from tests.retouch.imaging.samples import (
    SAMPLE_KINDS,
    exif_with_orientation,
    sample_bytes,
    sample_image,
)
from tests.retouch.imaging.strategies import images
from tests.support.images import decode_image, encode_image


def image_with_few_colours(mode, colours=30):
    return sample_image((64, 64)).quantize(colours).convert(mode)


@pytest.mark.parametrize(
    ("image", "mode"),
    [
        (sample_image((64, 64)), "RGBA"),
        (sample_image((64, 64)).convert("RGB"), "RGB"),
        (sample_image((64, 64)).convert("RGB").convert("RGBA"), "RGB"),
        (sample_image((64, 64)).convert("L").convert("RGBA"), "L"),
        (image_with_few_colours("RGB"), "P"),
        (image_with_few_colours("RGBA"), "P"),
        (sample_image((64, 64)).convert("1").convert("RGB"), "P"),
    ],
)
def test_recompressed_png_is_smaller_with_the_same_pixels(image, mode):
    encoded_image = inspect_image(encode_image(image, compress_level=0))
    result = recompress_png(encoded_image, len(encoded_image.data))
    assert result is not None
    assert len(result.data) < len(encoded_image.data)
    reopened = decode_image(result.data)
    assert (reopened.mode, reopened.convert("RGBA").tobytes()) == (
        mode,
        image.convert("RGBA").tobytes(),
    )


def recompress(encoded_image: EncodedImage, max_bytes: int) -> EncodedImage:
    """Return the recompressed file, which must not fail."""
    result = recompress_png(encoded_image, max_bytes)
    assert result is not None
    return result


def test_image_with_one_differing_band_is_stored_as_colour():
    grey = sample_image((64, 64)).convert("L")
    for band in range(3):
        bands = [grey, grey, grey]
        bands[band] = grey.point(lambda v: v ^ 1)
        image = Image.merge("RGB", bands)
        data = encode_image(image, compress_level=0)
        result = decode_image(recompress(inspect_image(data), len(data)).data)
        assert result.convert("RGB").tobytes() == image.tobytes()


@settings(max_examples=60, deadline=None)
@given(images(), st.integers(1, 12_000))
def test_recompressed_png_is_lossless_below_limit_or_none(image, max_bytes):
    encoded_image = inspect_image(encode_image(image, compress_level=0))
    result = recompress_png(encoded_image, max_bytes)
    if result is not None:
        assert len(result.data) < max_bytes
        assert (
            decode_image(result.data).convert("RGBA").tobytes() == image.convert("RGBA").tobytes()
        )
    else:
        assert len(encoded_image.data) >= max_bytes


@pytest.mark.parametrize("kind", SAMPLE_KINDS)
def test_any_sample_kind_is_recompressed_as_png(kind):
    result = recompress(inspect_image(sample_bytes(kind)), 50_000)
    assert result.format == "png"
    assert (
        decode(result).convert("RGBA").tobytes()
        == decode(sample_bytes(kind)).convert("RGBA").tobytes()
    )


def test_png_below_limit_is_returned_unchanged():
    encoded_image = inspect_image(sample_bytes("png"))
    assert recompress_png(encoded_image, len(encoded_image.data) + 1) is encoded_image
    assert recompress_png(encoded_image, len(encoded_image.data)) is not encoded_image
    assert recompress_png(encoded_image, 100) is None


def test_rotated_image_is_recompressed_upright():
    encoded_image = inspect_image(encode_image(sample_image(), exif=exif_with_orientation(6)))
    result = recompress(encoded_image, 100_000)
    assert (result.size, result.has_exif_rotation) == ((30, 45), False)


def test_rgb_image_with_profile_keeps_profile_and_colour_mode():
    image = sample_image((64, 64)).convert("L").convert("RGB")
    data = encode_image(image, icc_profile=icc_profiles.rgb_profile(), compress_level=0)
    result = decode_image(recompress(inspect_image(data), len(data)).data)
    assert result.info["icc_profile"] == icc_profiles.rgb_profile()
    assert result.mode == "P"  # a colour mode, although every pixel is grey


def test_stronger_compression_is_tried_when_needed():
    image = Image.radial_gradient("L").convert("RGB")
    encoded_image = inspect_image(encode_image(image, compress_level=0))
    first_size = len(recompress(encoded_image, len(encoded_image.data)).data)
    assert len(recompress(encoded_image, first_size).data) < first_size


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_packed_png_keeps_image_mode(mode):
    encoded_image = inspect_image(encode_image(Image.new(mode, (300, 200)), compress_level=0))
    packed = recompress_png_same_mode(encoded_image, 2000)
    assert packed is not None
    assert decode_image(packed.data).mode == mode
    assert decode_image(packed.data).tobytes() == decode_image(encoded_image.data).tobytes()
    assert recompress_png_same_mode(encoded_image, 50) is None
