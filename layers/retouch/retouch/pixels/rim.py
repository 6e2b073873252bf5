"""The rim of a mask: moved outwards or inwards, or made soft."""

from __future__ import annotations

from math import ceil

from PIL import Image, ImageChops, ImageFilter

from retouch.pixels.regions import Box, bands, grown, moved

_STRIDE = 240  # the widest average in which a single 255 among zeros does not round to 0
_FARTHEST = 4  # half ramps from which a pixel of the rim may be influenced
_ANY = [0] + [255] * 255
_ALL = [0] * 255 + [255]


def widened(edit: Image.Image, by: int) -> Image.Image:
    """0 or 255: all that is at most `by` pixels, across, down or diagonally, from a pixel over 0."""
    return _spread(edit.point(_ANY), by)


def narrowed(edit: Image.Image, by: int) -> Image.Image:
    """0 or 255: all that is more than `by` pixels away from every pixel under 255.

    What lies beyond the picture's border counts like the border itself, so a mask that reaches it
    still does.
    """
    return ImageChops.invert(_spread(ImageChops.invert(edit.point(_ALL)), by))


def feathered(edit: Image.Image, width: int) -> Image.Image:
    """The mask with a ramp from 0 to its own value, `width` pixels wide, inside its rim.

    Nothing becomes more than it was. Where the mask is too thin for the whole ramp, a narrower one is
    used, down to none: a mask of hairs does not fade away.
    """
    box = edit.getbbox()
    if width < 1 or box is None:
        return edit
    soft = edit.copy()
    for band in bands(box):
        soft.paste(feathered_part(edit, band, width), band)
    return soft


def feathered_part(edit: Image.Image, box: Box, width: int) -> Image.Image:
    """What `feathered` makes of the mask in that box, without the rest."""
    part = edit.crop(box)
    if width < 1:
        return part
    around = grown(box, _FARTHEST * ceil(width / 2) + 1, edit.size)
    ramp = _ramp(edit.crop(around).point(_ANY), width)
    return ImageChops.multiply(part, ramp.crop(moved(box, -around[0], -around[1])))


def _ramp(marked: Image.Image, width: int) -> Image.Image:
    """The average around each pixel of what is left when half the ramp is taken off all around."""
    if width < 1:
        return marked
    half = ceil(width / 2)
    core = narrowed(marked, half)
    if core.getbbox() is None:
        return _ramp(marked, width // 3)
    high = widened(narrowed(core, half), 2 * half)  # here the ramp is near a place where it ends
    thin = ImageChops.subtract(marked, high)
    ramp = core.filter(ImageFilter.BoxBlur(width / 2))
    if thin.getbbox():
        ramp = ImageChops.lighter(ramp, ImageChops.darker(thin, _ramp(marked, width // 3)))
    return ramp


def _spread(marked: Image.Image, by: int) -> Image.Image:
    """Averages over lines and then over columns, where more than 0 means that 255 is near."""
    while by > 0:
        step = min(by, _STRIDE)
        for radius in ((step, 0), (0, step)):
            marked = marked.filter(ImageFilter.BoxBlur(radius)).point(_ANY)
        by -= step
    return marked
