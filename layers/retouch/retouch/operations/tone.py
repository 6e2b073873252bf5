"""Operations on colours and on detail. Each takes an "RGB" part of a picture and gives one as large."""

from __future__ import annotations

from PIL import Image, ImageEnhance

from retouch.operations.values import Values

_SEPIA = (  # W3C Filter Effects, sepia(1)
    *(0.393, 0.769, 0.189, 0.0),
    *(0.349, 0.686, 0.168, 0.0),
    *(0.272, 0.534, 0.131, 0.0),
)


def brightness(part: Image.Image, values: Values) -> Image.Image:
    """Every level times `factor`."""
    return ImageEnhance.Brightness(part).enhance(values["factor"])


def contrast(part: Image.Image, values: Values) -> Image.Image:
    """Every level's distance from the mean grey times `factor`."""
    return ImageEnhance.Contrast(part).enhance(values["factor"])


def saturation(part: Image.Image, values: Values) -> Image.Image:
    """Every colour's distance from its grey times `factor`."""
    return ImageEnhance.Color(part).enhance(values["factor"])


def sharpness(part: Image.Image, values: Values) -> Image.Image:
    """Detail times `factor`."""
    return ImageEnhance.Sharpness(part).enhance(values["factor"])


def greyscale(part: Image.Image, _values: Values) -> Image.Image:
    """Without colour."""
    return part.convert("L").convert("RGB")


def sepia(part: Image.Image, _values: Values) -> Image.Image:
    """In browns."""
    return part.convert("RGB", _SEPIA)


def tint(part: Image.Image, values: Values) -> Image.Image:
    """Mixed with a colour; a `strength` of 1 leaves nothing but the colour."""
    wash = Image.new("RGB", part.size, values["color"].rgba[:3])
    return Image.blend(part, wash, values["strength"])
