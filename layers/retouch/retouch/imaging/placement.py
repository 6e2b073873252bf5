"""Fit an image to the sizes that a model accepts, and cut it out of the result again, exact to the pixel."""

from __future__ import annotations

from math import ceil, floor
from typing import Literal

from retouch.core.geometry import Box, FloatBox, Placement, Size, centred_placement
from retouch.core.sizes import aspect_difference
from retouch.imaging.codec import normalize_mode, resize
from retouch.imaging.pillow import Image

PaddingFill = Literal["edge", "transparent", "white"]
# If the shapes of a result and its canvas differ by less, each axis has its own scale. The distortion is not visible,
# and models round the edges of their results.
_MAX_ASPECT_DIFFERENCE = 0.015

_NONZERO_TO_255 = [0] + [255] * 255


def pad_to_ratio(size: Size, ratio: tuple[int, int]) -> Placement:
    """Return the placement of the image in the middle of the smallest canvas of that ratio.

    Whole pixels may not allow the exact ratio; then the canvas has the nearest one.
    """
    width, height = size
    across, down = ratio
    if width * down >= height * across:
        return centred_placement(size, (width, max(height, round(width * down / across))), size)
    return centred_placement(size, (max(width, round(height * across / down)), height), size)


def place_image(placement: Placement, image: Image.Image, *, fill: PaddingFill) -> Image.Image:
    """Return the canvas with the image on it. The rest repeats the outermost pixels of the image, or is `fill`.

    "transparent" gives "RGBA"; otherwise the canvas has the mode of the image. Raises ValueError when the image does
    not have the size `placement.original`.
    """
    _require(image.size == placement.original, f"an image of {image.size} for {placement}")
    part = (
        normalize_mode(image)
        if image.size == placement.size_on_canvas
        else resize(image, placement.size_on_canvas)
    )
    if part.size == placement.canvas:
        return part
    mode = "RGBA" if fill == "transparent" else part.mode
    canvas = Image.new(mode, placement.canvas, (0, 0, 0, 0) if fill == "transparent" else "white")
    canvas.paste(part if part.mode == mode else part.convert(mode), placement.box)
    if fill == "edge":
        _extend_edges(canvas, placement.box)
    return canvas


def place_mask(placement: Placement, mask: Image.Image) -> Image.Image:
    """Return the mask ("L", 255 = edit) for the canvas. Everything outside the image is not marked.

    A mask with only 0 and 255 keeps only these values when it is scaled: a pixel is marked if any pixel that it
    replaces is marked. Raises ValueError when the mask does not have the size `placement.original`.
    """
    _require(mask.size == placement.original, f"a mask of {mask.size} for {placement}")
    part = mask
    if mask.size != placement.size_on_canvas:
        part = mask.resize(placement.size_on_canvas, Image.Resampling.BOX)
        if not any(mask.histogram()[1:255]):
            part = part.point(_NONZERO_TO_255)
    canvas = Image.new("L", placement.canvas)
    canvas.paste(part, placement.box)
    return canvas


def undo_placement(placement: Placement, result: Image.Image) -> Image.Image:
    """Return the image's part of a result, in the original size. The result shows the canvas at any scale.

    The pixels are exactly those of the result when nothing was scaled.
    """
    across, down = (r / c for r, c in zip(result.size, placement.canvas, strict=True))
    left, top, right, bottom = placement.box
    exact_box = (left * across, top * down, right * across, bottom * down)
    part, inner_box = crop_around(normalize_mode(result), exact_box)
    if inner_box == (0, 0, *placement.original):
        return part
    return part.resize(placement.original, Image.Resampling.LANCZOS, box=inner_box)


def has_canvas_shape(placement: Placement, result_size: Size) -> bool:
    """Return whether a result has the shape of its canvas. Models may return another shape than the requested one."""
    return aspect_difference(result_size, placement.canvas) <= _MAX_ASPECT_DIFFERENCE


def locate_image(placement: Placement, result_size: Size) -> FloatBox:
    """Return the box of the image in a result, in pixels of the result.

    A result of another shape than the canvas is mapped without stretching: both axes have the same scale, and the
    canvas takes the largest box of its shape in the centre of the result.
    """
    across, down = (r / c for r, c in zip(result_size, placement.canvas, strict=True))
    x_offset = y_offset = 0.0
    if not has_canvas_shape(placement, result_size):
        across = down = min(across, down)
        x_offset, y_offset = (
            (r - c * across) / 2 for r, c in zip(result_size, placement.canvas, strict=True)
        )
    left, top, right, bottom = placement.box
    return (
        x_offset + left * across,
        y_offset + top * down,
        x_offset + right * across,
        y_offset + bottom * down,
    )


def crop_around(image: Image.Image, box: FloatBox) -> tuple[Image.Image, FloatBox]:
    """Return the whole pixels of an image that a box touches, and the box in pixels of this part.

    An image is cropped before it is scaled, so that padding just outside the box is not blended in.
    """
    left, top = floor(box[0]), floor(box[1])
    outer_box = (left, top, min(ceil(box[2]), image.width), min(ceil(box[3]), image.height))
    part = image if outer_box == (0, 0, *image.size) else image.crop(outer_box)
    right, bottom = min(box[2] - left, part.width), min(box[3] - top, part.height)
    return part, (box[0] - left, box[1] - top, right, bottom)


def _extend_edges(canvas: Image.Image, box: Box) -> None:
    """Repeat the outermost columns of the image, then its outermost rows together with the new corners."""
    left, top, right, bottom = box
    width, height = canvas.size
    for strip, target in (
        ((left, top, left + 1, bottom), (0, top, left, bottom)),
        ((right - 1, top, right, bottom), (right, top, width, bottom)),
        ((0, top, width, top + 1), (0, 0, width, top)),
        ((0, bottom - 1, width, bottom), (0, bottom, width, height)),
    ):
        _stretch_strip(canvas, strip, target)


def _stretch_strip(canvas: Image.Image, strip: Box, target: Box) -> None:
    size = (target[2] - target[0], target[3] - target[1])
    if all(size):
        canvas.paste(canvas.crop(strip).resize(size, Image.Resampling.NEAREST), target)


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)
