"""Fit a picture to the sizes a model takes, and find it again in the result, to the pixel."""

from __future__ import annotations

from math import ceil, floor
from typing import Literal

from PIL import Image

from retouch.framing import Box, Frame, Size
from retouch.pixels.convert import plain, resize

Fill = Literal["edge", "transparent", "white"]

_ANY = [0] + [255] * 255


def pad_to_ratio(size: Size, ratio: tuple[int, int]) -> Frame:
    """The picture in the middle of the smallest canvas of that ratio, or as near as whole pixels get."""
    width, height = size
    across, down = ratio
    if width * down >= height * across:
        return _centred(size, (width, max(height, round(width * down / across))), size)
    return _centred(size, (max(width, round(height * across / down)), height), size)


def apply(frame: Frame, image: Image.Image, *, fill: Fill) -> Image.Image:
    """The canvas with the picture on it; the rest repeats its outermost pixels, or is `fill`.

    "transparent" gives "RGBA", else the mode is the picture's. ValueError for a picture of a size
    other than `frame.original`.
    """
    _check(image.size == frame.original, f"a picture of {image.size} for {frame}")
    part = plain(image) if image.size == frame.inner else resize(image, frame.inner)
    if part.size == frame.canvas:
        return part
    mode = "RGBA" if fill == "transparent" else part.mode
    canvas = Image.new(mode, frame.canvas, (0, 0, 0, 0) if fill == "transparent" else "white")
    canvas.paste(part if part.mode == mode else part.convert(mode), frame.box)
    if fill == "edge":
        _replicate(canvas, frame.box)
    return canvas


def apply_mask(frame: Frame, edit: Image.Image) -> Image.Image:
    """The mask ("L", 255 = edit) for the canvas; what is not the picture is kept.

    A hard mask stays hard when it is scaled: a pixel is marked if anything it stands for is.
    """
    _check(edit.size == frame.original, f"a mask of {edit.size} for {frame}")
    part = edit
    if edit.size != frame.inner:
        part = edit.resize(frame.inner, Image.Resampling.BOX)
        if not any(edit.histogram()[1:255]):
            part = part.point(_ANY)
    canvas = Image.new("L", frame.canvas)
    canvas.paste(part, frame.box)
    return canvas


def undo(frame: Frame, result: Image.Image) -> Image.Image:
    """The picture's part of a result, which shows the canvas at any scale, in the original size.

    Exactly those pixels where nothing was scaled.
    """
    across, down = (r / c for r, c in zip(result.size, frame.canvas, strict=True))
    left, top, right, bottom = frame.box
    exact = (left * across, top * down, right * across, bottom * down)
    # Cut first: padding just outside must not be blended in.
    outer = (floor(exact[0]), floor(exact[1]), ceil(exact[2]), ceil(exact[3]))
    part = plain(result).crop(outer)
    if exact == outer and part.size == frame.original:
        return part
    inside = (
        exact[0] - outer[0],
        exact[1] - outer[1],
        exact[2] - outer[0],
        exact[3] - outer[1],
    )
    return part.resize(frame.original, Image.Resampling.LANCZOS, box=inside)


def _centred(inner: Size, canvas: Size, original: Size) -> Frame:
    left, top = (canvas[0] - inner[0]) // 2, (canvas[1] - inner[1]) // 2
    return Frame(canvas, (left, top, left + inner[0], top + inner[1]), original)


def _replicate(canvas: Image.Image, box: Box) -> None:
    """Draw out the picture's outermost columns, then its outermost lines with their corners."""
    left, top, right, bottom = box
    width, height = canvas.size
    for column, target in (
        ((left, top, left + 1, bottom), (0, top, left, bottom)),
        ((right - 1, top, right, bottom), (right, top, width, bottom)),
        ((0, top, width, top + 1), (0, 0, width, top)),
        ((0, bottom - 1, width, bottom), (0, bottom, width, height)),
    ):
        _stretch(canvas, column, target)


def _stretch(canvas: Image.Image, strip: Box, target: Box) -> None:
    size = (target[2] - target[0], target[3] - target[1])
    if all(size):
        canvas.paste(canvas.crop(strip).resize(size, Image.Resampling.NEAREST), target)


def _check(right: bool, what: str) -> None:
    if not right:
        raise ValueError(what)
