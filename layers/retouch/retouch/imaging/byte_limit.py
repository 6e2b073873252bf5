"""Encode an image again so that its file has at most a given number of bytes."""

from __future__ import annotations

from retouch.core.edit_types import EncodedImage
from retouch.imaging.codec import (
    decode,
    encode,
    has_transparency,
    resize,
    save_with_pillow,
)
from retouch.imaging.formats.structure import is_lossy
from retouch.imaging.inspect import inspect_image
from retouch.imaging.limits import exceeds_webp_limits

# For lossless WebP both values mean effort. Less effort makes photos three times as large (4.2 instead of 1.4 MB for 6
# megapixels), and more makes them no smaller. It takes about 0.2 s a megapixel.
_LOSSLESS_OPTIONS = {"lossless": True, "exact": True, "method": 2, "quality": 20}
# With these options the encoder needs 33 bytes a pixel, which must fit beside the other images of the edit.
_MAX_LOSSLESS_PIXELS = 8_000_000
_QUALITIES = (95, 85, 75)
_SCALE = 0.7  # each further step halves the number of pixels


def encode_lossless_below(image: EncodedImage, max_bytes: int) -> EncodedImage | None:
    """Return the image as lossless WebP of at most `max_bytes` bytes, or None when that is not possible.

    Every pixel stays the same, with 8 bits a channel. Lossless WebP takes fewer bytes than PNG. A lossy file is not
    tried, because its lossless form is larger, and neither is a file that would need too much memory. Raises
    InvalidRequest (image_parse_error) like `decode`.
    """
    is_large = image.width * image.height > _MAX_LOSSLESS_PIXELS
    if is_large or is_lossy(image.data, image.format) or exceeds_webp_limits(image.size):
        return None
    pixels = decode(image)
    profile = pixels.info.get("icc_profile")
    data = save_with_pillow(pixels, "webp", icc_profile=profile, **_LOSSLESS_OPTIONS)
    return inspect_image(data) if len(data) <= max_bytes else None


def encode_lossy_below(image: EncodedImage, max_bytes: int) -> EncodedImage:
    """Return the image as JPEG, or as WebP if it is transparent, of at most `max_bytes` bytes.

    The quality is reduced first, and then the size. Raises InvalidRequest (image_parse_error) like `decode`, and
    ValueError when even one pixel has more bytes.
    """
    pixels = decode(image)
    format = "webp" if has_transparency(pixels) and not exceeds_webp_limits(image.size) else "jpeg"
    for quality in _QUALITIES:
        data = encode(pixels, format, compression=quality)
        if len(data) <= max_bytes:
            return inspect_image(data)
    while max(pixels.size) > 1:
        width, height = (max(1, round(side * _SCALE)) for side in pixels.size)
        pixels = resize(pixels, (width, height))
        data = encode(pixels, format, compression=_QUALITIES[-1])
        if len(data) <= max_bytes:
            return inspect_image(data)
    raise ValueError(f"no image has only {max_bytes} bytes")
