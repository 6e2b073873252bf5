"""The one door to Pillow: three plugins, no other, and never more pixels than allowed."""

from __future__ import annotations

import warnings
from io import BytesIO

from PIL import Image, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from retouch.pixels.limits import DEFAULT
from retouch.pixels.refusal import damaged

_NAMES = {
    "png": PngImagePlugin.PngImageFile.format,
    "jpeg": JpegImagePlugin.JpegImageFile.format,
    "webp": WebPImagePlugin.WebPImageFile.format,
}

# As if every plugin had been looked for already: Pillow then loads none but the three above.
Image._initialized = 2
Image.MAX_IMAGE_PIXELS = DEFAULT.pixels
warnings.simplefilter("error", Image.DecompressionBombWarning)


def load(data: bytes, format: str, size: tuple[int, int]) -> Image.Image:
    """Decode a checked file of `size` pixels. Raises UnfitError where the decoder finds it broken."""
    try:
        with Image.open(BytesIO(data), formats=[_NAMES[format]]) as image:
            if image.size == size:
                image.load()
                return image
    # Plugins raise whatever they stumble over: OSError, SyntaxError, ValueError, struct.error ...
    except Exception as error:
        raise damaged(f"its {format.upper()} data is broken") from error
    raise damaged(f"its {format.upper()} data is of another size than its header says")


def save(image: Image.Image, format: str, **options: int | bytes | None) -> bytes:
    """Encode with the plugin's own options. Plugins write what `image.info` holds: empty it first."""
    buffer = BytesIO()
    image.save(buffer, _NAMES[format], **options)
    return buffer.getvalue()
