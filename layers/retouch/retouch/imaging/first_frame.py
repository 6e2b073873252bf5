"""The first frame of an animated image file, as a still image."""

from __future__ import annotations

from io import BytesIO

from PIL import Image

from retouch.imaging.codec import encode_lossless
from retouch.imaging.errors import damaged_image_error


def read_first_frame(data: bytes, format: str) -> bytes:
    """Return the first frame of an animated "png" or "webp" as a lossless file of the same format, without metadata.

    For an animated PNG this is the image that a viewer without support for animations shows. Raises InvalidImage when
    the frame cannot be decoded.
    """
    try:
        with Image.open(BytesIO(data), formats=[format.upper()]) as image:
            image.load()  # opening a file selects its first frame
            return encode_lossless(image, format)
    # Plugins raise many error types: OSError, SyntaxError, ValueError, struct.error and others.
    except Exception as error:
        raise damaged_image_error(f"its {format.upper()} data is broken") from error
