"""The image edits of the stand-ins: repaint the region that the mask marks, which makes a wrong polarity visible."""

from __future__ import annotations

import io

from PIL import Image

from tests.contract.standin import MAGENTA

_FAST_OPTIONS = {"png": {"compress_level": 1}, "webp": {"method": 0}}


EVERYWHERE = False  # a test sets this to True to let providers ignore the mask


def decode_image(data: bytes) -> Image.Image:
    """Return the decoded image. Raises the Pillow error of a broken image."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def encode_image(image: Image.Image, format: str = "png") -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format.upper(), **_FAST_OPTIONS.get(format, {}))
    return buffer.getvalue()


def repaint(data: bytes, edit_mask: Image.Image | None, format: str = "png") -> bytes:
    """Return the image with magenta where the mask is white, or everywhere without a mask.

    EVERYWHERE makes it ignore the mask.
    """
    original = decode_image(data).convert("RGB")
    paint = Image.new("RGB", original.size, MAGENTA)
    if edit_mask is None or EVERYWHERE:
        return encode_image(paint, format)
    mask = edit_mask.convert("L").resize(original.size)
    return encode_image(Image.composite(paint, original, mask), format)
