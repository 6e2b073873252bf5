"""Remove what a mask marks and fill it from its surroundings: no model, no network, no randomness.

A smooth surface closes the hole, and texture is laid over it from the place in the same picture
whose surroundings match best. That keeps a horizon straight and the grain of sand alive.
"""

from __future__ import annotations

from math import ceil, sqrt

from PIL import Image, ImageChops, ImageFilter

from retouch.errors import InvalidRequest
from retouch.messages import Size
from retouch.pixels.canvas import Canvas
from retouch.pixels.convert import plain
from retouch.pixels.fill import fill
from retouch.pixels.membrane import membrane
from retouch.pixels.regions import Box, area, bands, grown, moved, regions

_HALO = 3  # pixels around the mark that show the object's blurred edge and are not to be trusted
_REACH = 3  # how far to look for a match, in sizes of the hole
_NEAR = 96  # and at least so many pixels
_LARGEST = 8_388_608  # pixels of surroundings that are worked on at their own scale
_SEAM = 8  # pixels inside the mark over which a small step at its edge is evened out
_STEP = 16  # a much larger step is not evened out: there the object still shows
_ANY = [0] + [255] * 255


def erase(image: Image.Image, edit: Image.Image, *, passes: int = 1) -> Image.Image:
    """The image as "L", "RGB" or "RGBA" with the marked area filled.

    `edit` is "L" and as large as the image: 255 is filled, 0 stays exactly as it is, anything
    between is blended. `passes` >= 0 buys quality with time: more smoothing, more places compared.
    What was transparent becomes opaque where it is marked. Raises InvalidRequest (mask_full) where
    no pixel is left to fill from, ValueError where the sizes differ.
    """
    if edit.size != image.size:
        raise ValueError(f"the mask is {edit.size} and the image {image.size}")
    if edit.getextrema()[0]:
        raise _full()
    filled = plain(image).copy()
    del image  # nobody else may have it, and it is large
    for box in regions(edit):
        _erase_box(filled, edit, box, passes)
    return filled


def _full() -> InvalidRequest:
    return InvalidRequest(
        "The mask marks the whole image, so nothing is left to fill it from. Leave some of it opaque.",
        param="mask",
        code="mask_full",
    )


def _erase_box(filled: Image.Image, edit: Image.Image, box: Box, passes: int) -> None:
    """Fill one marked area, looking no further than its neighbourhood, and at a smaller scale if that is large."""
    window = _window(box, filled.size)
    factor = ceil(sqrt(area(window) / _LARGEST))
    part, marked = (_shrunk(image, window, factor) for image in (filled, edit))
    left, top, right, bottom = moved(box, -window[0], -window[1])
    small = left // factor, top // factor, ceil(right / factor), ceil(bottom / factor)
    filling = _filling(part, marked.point(_ANY), grown(small, _HALO, part.size), passes)
    for band in bands(box):
        left, top, right, bottom = moved(band, -window[0], -window[1])
        source = (left / factor, top / factor, right / factor, bottom / factor)
        piece = filling.resize((right - left, bottom - top), Image.Resampling.BICUBIC, box=source)
        filled.paste(piece.convert(filled.mode), band, edit.crop(band))


def _window(box: Box, size: Size) -> Box:
    """The neighbourhood of a box, smaller than wanted where it would be too large to be copied."""
    reach = _REACH * max(box[2] - box[0], box[3] - box[1])
    while reach > _NEAR and area(grown(box, reach, size)) > _LARGEST:
        reach = reach * 3 // 4
    return grown(box, max(_NEAR, reach), size)


def _shrunk(image: Image.Image, box: Box, factor: int) -> Image.Image:
    """That part of the image, each pixel the average of `factor` by `factor`."""
    if factor == 1:
        return image.crop(box)
    size = ceil((box[2] - box[0]) / factor), ceil((box[3] - box[1]) / factor)
    small = Image.new(image.mode, size)
    for band in bands(box, factor):
        small.paste(image.crop(band).reduce(factor), (0, (band[1] - box[1]) // factor))
    return small


def _filling(part: Image.Image, marked: Image.Image, box: Box, passes: int) -> Image.Image:
    """The picture, "RGB" or opaque "RGBA", with what is marked in `box` filled from the rest."""
    bars = _barred(part, marked)
    before = part.convert("RGB")
    canvas = Canvas(before.copy(), bars.copy(), bars)
    fill(canvas, box, passes)
    frame = grown(box, _HALO, part.size)
    even = _evened(*(image.crop(frame) for image in (before, canvas.image, marked)))
    before.paste(even, frame, marked.crop(frame))
    if part.mode == "RGBA":
        before.putalpha(255)
    return before


def _barred(part: Image.Image, marked: Image.Image) -> Image.Image:
    """255 where colours cannot be trusted: marked, next to a mark, or transparent."""
    near = marked.filter(ImageFilter.BoxBlur(_HALO)).point(_ANY)
    if part.mode == "RGBA":
        clear = part.getchannel("A").point(lambda alpha: 255 if alpha < 128 else 0)
        near = ImageChops.lighter(near, clear)
    return near if near.getextrema()[0] == 0 else marked


def _evened(before: Image.Image, after: Image.Image, marked: Image.Image) -> Image.Image:
    """Let the filling meet its surroundings without a step, where the step is small."""
    step = ImageChops.subtract(before, after, 1, 128).point(_small)
    step.paste((128, 128, 128), mask=marked)
    core = marked.filter(ImageFilter.BoxBlur(_SEAM)).point(lambda value: 255 if value == 255 else 0)
    known = ImageChops.lighter(ImageChops.invert(marked), core)
    return ImageChops.add(after, membrane(step, known), 1, -128)


def _small(value: int) -> int:
    step = value - 128
    return 128 + round(step * min(1.0, max(0.0, 2 - abs(step) / _STEP)))
