"""Operations on colours and on detail. Each takes an "RGB" part of an image and returns one of the same size."""

from __future__ import annotations

from PIL import ImageEnhance

from retouch.imaging.operations.values import Values
from retouch.imaging.pillow import Image

_SEPIA = (  # W3C Filter Effects, sepia(1)
    *(0.393, 0.769, 0.189, 0.0),
    *(0.349, 0.686, 0.168, 0.0),
    *(0.272, 0.534, 0.131, 0.0),
)


def brightness(part: Image.Image, values: Values) -> Image.Image:
    """Multiply every level by `factor`."""
    return ImageEnhance.Brightness(part).enhance(values["factor"])


def contrast(part: Image.Image, values: Values) -> Image.Image:
    """Multiply the distance of every level from the mean grey by `factor`."""
    return ImageEnhance.Contrast(part).enhance(values["factor"])


def saturation(part: Image.Image, values: Values) -> Image.Image:
    """Multiply the distance of every colour from its grey by `factor`."""
    return ImageEnhance.Color(part).enhance(values["factor"])


def sharpness(part: Image.Image, values: Values) -> Image.Image:
    """Multiply the detail by `factor`."""
    return ImageEnhance.Sharpness(part).enhance(values["factor"])


def greyscale(part: Image.Image, _values: Values) -> Image.Image:
    """Remove the colour."""
    return part.convert("L").convert("RGB")


def sepia(part: Image.Image, _values: Values) -> Image.Image:
    """Convert to sepia tones."""
    return part.convert("RGB", _SEPIA)


def tint(part: Image.Image, values: Values) -> Image.Image:
    """Mix with a colour. With a `strength` of 1 only the colour is left."""
    colour_layer = Image.new("RGB", part.size, values["color"].rgba[:3])
    return Image.blend(part, colour_layer, values["strength"])
