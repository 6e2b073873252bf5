"""Operations that move pixels or change the size of the image. Images are "RGB" or "RGBA"."""

from __future__ import annotations

import math

from retouch.core.geometry import Size
from retouch.core.sizes import parse_ratio
from retouch.imaging.codec import resize as scaled
from retouch.imaging.operations.values import Colour, Values, check_image_size
from retouch.imaging.pillow import Image

_QUARTER_TURNS = {  # clockwise angles; Pillow counts counter-clockwise
    90: Image.Transpose.ROTATE_270,
    180: Image.Transpose.ROTATE_180,
    270: Image.Transpose.ROTATE_90,
}
_FLIPS = {
    "left-right": Image.Transpose.FLIP_LEFT_RIGHT,
    "top-bottom": Image.Transpose.FLIP_TOP_BOTTOM,
}
_CENTRE_ANCHOR = (0.5, 0.5)
# The share of the removed width that lies left of the part, and of the removed height above it.
_CROP_ANCHORS = {
    "left": (0.0, 0.5),
    "right": (1.0, 0.5),
    "top": (0.5, 0.0),
    "bottom": (0.5, 1.0),
}


def crop(image: Image.Image, values: Values) -> Image.Image:
    """Crop to the region. Raises InvalidSteps when the region is empty."""
    return image.crop(values["region"].box(image.size))


def crop_shape(image: Image.Image, values: Values) -> Image.Image:
    """Crop to the largest part with that aspect ratio, at one side or in the centre."""
    return crop_to_ratio(
        image, parse_ratio(values["shape"]), _CROP_ANCHORS.get(values["keep"], _CENTRE_ANCHOR)
    )


def crop_to_ratio(
    image: Image.Image, ratio: Size, anchor: tuple[float, float] = _CENTRE_ANCHOR
) -> Image.Image:
    """Return the largest part of the image with that ratio.

    `anchor` gives the shares of the removed width and height that lie to the left of the part and above it.
    """
    width = min(image.width, max(1, round(image.height * ratio[0] / ratio[1])))
    height = min(image.height, max(1, round(image.width * ratio[1] / ratio[0])))
    left = round((image.width - width) * anchor[0])
    top = round((image.height - height) * anchor[1])
    return image.crop((left, top, left + width, top + height))


def rotate(image: Image.Image, values: Values) -> Image.Image:
    """Rotate clockwise. Quarter turns are exact; any other angle gives a larger image with filled corners."""
    angle = values["angle"] % 360 % 360  # for a tiny negative angle, the first % 360 gives 360.0
    if angle % 90 == 0:
        return image.transpose(_QUARTER_TURNS[angle]) if angle else image
    width, height = (int(edge) + 2 for edge in _bounding_size(image.size, angle))
    check_image_size((width, height))
    converted = image.convert(_canvas_mode(image, values["fill"]))
    fill_colour = values["fill"].rgba[: len(converted.mode)]
    return converted.rotate(-angle, Image.Resampling.BICUBIC, expand=True, fillcolor=fill_colour)


def straighten(image: Image.Image, values: Values) -> Image.Image:
    """Rotate clockwise by up to 45 degrees, and crop to the largest part without empty corners."""
    if not values["angle"]:
        return image
    width, height = _inscribed_size(image.size, abs(values["angle"]))
    rotated = image.rotate(-values["angle"], Image.Resampling.BICUBIC)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return rotated.crop((left, top, left + width, top + height))


def flip(image: Image.Image, values: Values) -> Image.Image:
    """Mirror the image."""
    return image.transpose(_FLIPS[values["axis"]])


def resize(image: Image.Image, values: Values) -> Image.Image:
    """Scale the image. Raises InvalidSteps when the result would be too large."""
    size = values["to"].scaled_size(image.size)
    check_image_size(size)
    return scaled(image, size)


def pad(image: Image.Image, values: Values) -> Image.Image:
    """Extend the image on two sides to an aspect ratio. Raises InvalidSteps when the result would be too large."""
    across, down = parse_ratio(values["shape"])
    width = max(image.width, round(image.height * across / down))
    height = max(image.height, round(image.width * down / across))
    return _centre_on_canvas(image, (width, height), values["color"])


def border(image: Image.Image, values: Values) -> Image.Image:
    """Extend the image on every side. Raises InvalidSteps when the result would be too large."""
    edge = values["width"].to_pixels(min(image.size))
    return _centre_on_canvas(
        image, (image.width + 2 * edge, image.height + 2 * edge), values["color"]
    )


def _centre_on_canvas(image: Image.Image, size: Size, colour: Colour) -> Image.Image:
    """Return the image in the middle of a canvas of that size and colour."""
    check_image_size(size)
    mode = _canvas_mode(image, colour)
    canvas = Image.new(mode, size, colour.rgba[: len(mode)])
    canvas.paste(image, ((size[0] - image.width) // 2, (size[1] - image.height) // 2))
    return canvas


def _canvas_mode(image: Image.Image, colour: Colour) -> str:
    return "RGBA" if colour.is_transparent else image.mode


def _bounding_size(size: Size, angle: float) -> tuple[float, float]:
    """Return the edges of the upright rectangle around a rotated one."""
    sine, cosine = abs(math.sin(math.radians(angle))), abs(math.cos(math.radians(angle)))
    return size[0] * cosine + size[1] * sine, size[0] * sine + size[1] * cosine


def _inscribed_size(size: Size, angle: float) -> Size:
    """Return the edges of the largest upright rectangle inside one that is rotated by 0 < angle <= 45 degrees."""
    sine, cosine = math.sin(math.radians(angle)), math.cos(math.radians(angle))
    long, short = max(size), min(size)
    if short <= 2 * sine * cosine * long:  # the short edges do not limit the rectangle
        edges = short / 2 / sine, short / 2 / cosine
        across, down = edges if size[0] >= size[1] else edges[::-1]
    else:
        double_cosine = cosine * cosine - sine * sine
        across = (size[0] * cosine - size[1] * sine) / double_cosine
        down = (size[1] * cosine - size[0] * sine) / double_cosine
    # One pixel less on each side, because the outermost pixels are blended with empty pixels.
    return max(1, int(across) - 2), max(1, int(down) - 2)
