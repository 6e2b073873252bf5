"""Operations that move pixels or change how many there are. Pictures are "RGB" or "RGBA"."""

from __future__ import annotations

import math

from PIL import Image

from retouch.messages import Size
from retouch.operations.values import Colour, Values, check_room
from retouch.pixels.convert import resize as scaled
from retouch.sizes import shape

_QUARTERS = {  # clockwise, where Pillow counts the other way
    90: Image.Transpose.ROTATE_270,
    180: Image.Transpose.ROTATE_180,
    270: Image.Transpose.ROTATE_90,
}
_FLIPS = {
    "left-right": Image.Transpose.FLIP_LEFT_RIGHT,
    "top-bottom": Image.Transpose.FLIP_TOP_BOTTOM,
}
_MIDDLE = (0.5, 0.5)
_SHARES = {  # of what is cut off: how much lies left of the rest, and above it
    "left": (0.0, 0.5),
    "right": (1.0, 0.5),
    "top": (0.5, 0.0),
    "bottom": (0.5, 1.0),
}


def crop(image: Image.Image, values: Values) -> Image.Image:
    """Only the region. PlanError where it is empty."""
    return image.crop(values["region"].box(image.size))


def crop_shape(image: Image.Image, values: Values) -> Image.Image:
    """The largest part of that shape, towards one side or the centre."""
    return cut(image, shape(values["shape"]), _SHARES.get(values["keep"], _MIDDLE))


def cut(image: Image.Image, ratio: Size, shares: tuple[float, float] = _MIDDLE) -> Image.Image:
    """The largest part in the shape of `ratio`; of what is cut off, `shares` lie left of it and above it."""
    width = min(image.width, max(1, round(image.height * ratio[0] / ratio[1])))
    height = min(image.height, max(1, round(image.width * ratio[1] / ratio[0])))
    left = round((image.width - width) * shares[0])
    top = round((image.height - height) * shares[1])
    return image.crop((left, top, left + width, top + height))


def rotate(image: Image.Image, values: Values) -> Image.Image:
    """Turned clockwise; quarters exactly, anything else on a larger canvas with filled corners."""
    angle = (
        values["angle"] % 360 % 360
    )  # the first makes 360.0 of a hair's breadth less than nothing
    if angle % 90 == 0:
        return image.transpose(_QUARTERS[angle]) if angle else image
    width, height = (int(edge) + 2 for edge in _around(image.size, angle))
    check_room((width, height))
    ready = image.convert(_mode(image, values["fill"]))
    ink = values["fill"].rgba[: len(ready.mode)]
    return ready.rotate(-angle, Image.Resampling.BICUBIC, expand=True, fillcolor=ink)


def straighten(image: Image.Image, values: Values) -> Image.Image:
    """Turned clockwise by up to 45 degrees, and cut to the largest part without empty corners."""
    if not values["angle"]:
        return image
    width, height = _within(image.size, abs(values["angle"]))
    turned = image.rotate(-values["angle"], Image.Resampling.BICUBIC)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return turned.crop((left, top, left + width, top + height))


def flip(image: Image.Image, values: Values) -> Image.Image:
    """Mirrored."""
    return image.transpose(_FLIPS[values["axis"]])


def resize(image: Image.Image, values: Values) -> Image.Image:
    """Scaled. PlanError where it would be too large."""
    size = values["to"].size(image.size)
    check_room(size)
    return scaled(image, size)


def pad(image: Image.Image, values: Values) -> Image.Image:
    """Extended on two sides to a shape. PlanError where it would be too large."""
    across, down = shape(values["shape"])
    width = max(image.width, round(image.height * across / down))
    height = max(image.height, round(image.width * down / across))
    return _framed(image, (width, height), values["color"])


def border(image: Image.Image, values: Values) -> Image.Image:
    """Extended on every side. PlanError where it would be too large."""
    edge = values["width"].of(min(image.size))
    return _framed(image, (image.width + 2 * edge, image.height + 2 * edge), values["color"])


def _framed(image: Image.Image, size: Size, colour: Colour) -> Image.Image:
    """In the middle of a canvas."""
    check_room(size)
    mode = _mode(image, colour)
    canvas = Image.new(mode, size, colour.rgba[: len(mode)])
    canvas.paste(image, ((size[0] - image.width) // 2, (size[1] - image.height) // 2))
    return canvas


def _mode(image: Image.Image, colour: Colour) -> str:
    return "RGBA" if colour.clear else image.mode


def _around(size: Size, angle: float) -> tuple[float, float]:
    """Edges of the upright rectangle around a turned one."""
    sine, cosine = abs(math.sin(math.radians(angle))), abs(math.cos(math.radians(angle)))
    return size[0] * cosine + size[1] * sine, size[0] * sine + size[1] * cosine


def _within(size: Size, angle: float) -> Size:
    """Edges of the largest upright rectangle in one that is turned by 0 < angle <= 45 degrees."""
    sine, cosine = math.sin(math.radians(angle)), math.cos(math.radians(angle))
    long, short = max(size), min(size)
    if short <= 2 * sine * cosine * long:  # both short edges are out of reach
        edges = short / 2 / sine, short / 2 / cosine
        across, down = edges if size[0] >= size[1] else edges[::-1]
    else:
        both = cosine * cosine - sine * sine
        across = (size[0] * cosine - size[1] * sine) / both
        down = (size[1] * cosine - size[0] * sine) / both
    # A pixel less on each side: the outermost ones are blended with what is not there.
    return max(1, int(across) - 2), max(1, int(down) - 2)
