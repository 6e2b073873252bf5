"""Remove what a mask marks and fill it from its surroundings: no model, no network, no randomness.

A smooth surface closes the hole, and texture is laid over it from the place in the same picture
whose surroundings match best. That keeps a horizon straight and the grain of sand alive.
"""

from __future__ import annotations

from PIL import Image, ImageChops, ImageFilter

from retouch.errors import InvalidRequest
from retouch.pixels.canvas import Canvas
from retouch.pixels.convert import plain
from retouch.pixels.fill import fill
from retouch.pixels.membrane import membrane
from retouch.pixels.regions import Box, grown, moved, regions

_HALO = 3  # pixels around the mark that show the object's blurred edge and are not to be trusted
_REACH = 3  # how far to look for a match, in sizes of the hole
_NEAR = 96  # and at least so many pixels
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
    picture = plain(image)
    if edit.size != picture.size:
        raise ValueError(f"the mask is {edit.size} and the image {picture.size}")
    if edit.getextrema()[0]:
        raise _full()
    filled = picture.convert("RGB")
    barred = _barred(picture, edit)
    for box in regions(edit):
        _erase_box(filled, edit, barred, box, passes)
    return _merged(picture, filled, edit)


def _full() -> InvalidRequest:
    return InvalidRequest(
        "The mask marks the whole image, so nothing is left to fill it from. Leave some of it opaque.",
        param="mask",
        code="mask_full",
    )


def _barred(picture: Image.Image, edit: Image.Image) -> Image.Image:
    """255 where colours cannot be trusted: marked, next to a mark, or transparent."""
    marked = edit.point(_ANY)
    near = marked.filter(ImageFilter.BoxBlur(_HALO)).point(_ANY)
    if picture.mode == "RGBA":
        clear = picture.getchannel("A").point(lambda alpha: 255 if alpha < 128 else 0)
        near = ImageChops.lighter(near, clear)
    return near if near.getextrema()[0] == 0 else marked


def _erase_box(
    filled: Image.Image, edit: Image.Image, barred: Image.Image, box: Box, passes: int
) -> None:
    """Fill one marked area, looking no further than its neighbourhood."""
    side = max(box[2] - box[0], box[3] - box[1])
    window = grown(box, max(_NEAR, _REACH * side), filled.size)
    before = filled.crop(window)
    bars = barred.crop(window)
    canvas = Canvas(before.copy(), bars.copy(), bars)
    inner = moved(grown(box, _HALO, filled.size), -window[0], -window[1])
    fill(canvas, inner, passes)
    marked = edit.crop(window).point(_ANY)
    frame = grown(inner, _HALO, canvas.image.size)
    even = _evened(before.crop(frame), canvas.image.crop(frame), marked.crop(frame))
    filled.paste(even, moved(frame, window[0], window[1])[:2], marked.crop(frame))


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


def _merged(picture: Image.Image, filled: Image.Image, edit: Image.Image) -> Image.Image:
    """The filling where it is marked, the picture bit by bit where it is not."""
    result = picture.copy()
    if picture.mode == "RGBA":
        filled.putalpha(255)
    result.paste(filled.convert(picture.mode), mask=edit)
    return result
