"""Decode a TIFF with Pillow."""

from __future__ import annotations

from io import BytesIO

from PIL import TiffImagePlugin

from retouch.imaging.formats.tiff import is_inverted_16bit, strip_metadata
from retouch.imaging.pillow import Image

_INVERTED_BYTES = bytes(range(255, -1, -1))


def load(data: bytes) -> Image.Image:
    """Return the pixels of a checked TIFF as stored, without its orientation."""
    with TiffImagePlugin.TiffImageFile(BytesIO(strip_metadata(data))) as image:
        image.load()
    if image.mode == "La":
        return image.convert("LA")
    if image.mode == "I;16B" or is_inverted_16bit(data):
        return _to_i16(image, is_inverted=is_inverted_16bit(data))
    return image


def _to_i16(image: Image.Image, *, is_inverted: bool) -> Image.Image:
    """Return a 16-bit grey image as "I;16", in which 0 is black."""
    pixels = image.tobytes()
    if is_inverted:
        pixels = pixels.translate(_INVERTED_BYTES)
    result = Image.frombytes("I;16", image.size, pixels, "raw", image.mode)
    result.info = image.info
    return result
