"""Tell the thin parts of a mark from the thick ones, and fill the thin ones.

The square of _THIN_PIXELS by _THIN_PIXELS pixels fits nowhere into a thin part. The image is worked on in tiles, so the
memory does not depend on its size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from PIL import Image, ImageChops, ImageFilter

from retouch.imaging.inpaint.halo import grow_one_pixel, has_halo
from retouch.imaging.inpaint.thin_fill import fill_thin_hole
from retouch.imaging.masks.regions import Box, expand_box, shift_box

_THIN_PIXELS = 17
_REACH = _THIN_PIXELS // 2
_TILE_SIDE = 256  # pixels
_MAX_MIXED_PIXELS = 33_554_432
_MEASURED_PARTS = 12
_MARGIN = 24  # pixels around a tile: more than a thin part is wide, and at least three times _REACH
_REACH_BLUR = ImageFilter.BoxBlur(_REACH)
_MIN_OPAQUE = 128  # alpha; colours of more transparent pixels are not used
_NONZERO_TO_255 = [0] + [255] * 255
_BELOW_255_TO_0 = [0] * 255 + [255]


@dataclass(frozen=True, slots=True)
class _MarkedPart:
    """The marked part of a tile. The masks are "L"."""

    box: Box
    window: Box  # the box and its surroundings
    marked_in_window: Image.Image  # 255 where a pixel of the window is marked, 0 elsewhere
    thick: Image.Image  # the levels of the mask in the box, 0 outside its thick parts
    thin: Image.Image  # the same for its thin parts


def fill_thin_areas(image: Image.Image, mask: Image.Image) -> Image.Image | None:
    """Fill the thin parts of the mask in place. Return the mask without them, or None when nothing is left.

    The image is "L", "RGB" or "RGBA". The mask is "L": 255 is filled, and values between are blended. When it has both
    thin and thick parts and more than _MAX_MIXED_PIXELS pixels, nothing is filled: a second mask would need too much
    memory.
    """
    has_thin, has_thick = _kinds_of_parts(mask)
    if not has_thin or (has_thick and mask.width * mask.height > _MAX_MIXED_PIXELS):
        return mask
    thick_mask = Image.new("L", mask.size) if has_thick else None
    is_tight = _is_tight(image, mask)
    for part in _marked_parts(mask):
        if thick_mask:
            thick_mask.paste(part.thick, part.box)
        if part.thin.getbbox():
            filled = _fill_marked(image.crop(part.window), part.marked_in_window, is_tight)
            tile = filled.crop(shift_box(part.box, -part.window[0], -part.window[1]))
            image.paste(tile.convert(image.mode), part.box, part.thin)
    return thick_mask


def find_thick_parts(marked: Image.Image) -> Image.Image:
    """Return the thick parts of a mask with the values 0 and 255, and the marked pixels next to them.

    Beyond the edge of the image nothing is marked. A mask without an unmarked pixel is thick.
    """
    if marked.getextrema()[0]:
        return marked
    size = marked.size
    padded = marked.crop((-_REACH, -_REACH, size[0] + _REACH, size[1] + _REACH))
    cores = padded.filter(_REACH_BLUR).point(_BELOW_255_TO_0)
    if not cores.getbbox():
        return Image.new("L", size)
    for _ in range(
        2
    ):  # once back to the edge, and once more for the corners that the square misses
        cores = cores.filter(_REACH_BLUR).point(_NONZERO_TO_255)
    return ImageChops.darker(
        cores.crop((_REACH, _REACH, _REACH + size[0], _REACH + size[1])), marked
    )


def _kinds_of_parts(mask: Image.Image) -> tuple[bool, bool]:
    """Return whether the mask has thin parts, and whether it has thick ones."""
    has_thin = has_thick = False
    for part in _marked_parts(mask):
        has_thin = has_thin or bool(part.thin.getbbox())
        has_thick = has_thick or bool(part.thick.getbbox())
        if has_thin and has_thick:
            break
    return has_thin, has_thick


def _marked_parts(mask: Image.Image) -> Iterator[_MarkedPart]:
    """Yield the marked part of each tile that has one."""
    for top in range(0, mask.height, _TILE_SIDE):
        for left in range(0, mask.width, _TILE_SIDE):
            box = mask.crop((left, top, left + _TILE_SIDE, top + _TILE_SIDE)).getbbox()
            if box:
                yield _split_part(mask, shift_box(box, left, top))


def _split_part(mask: Image.Image, box: Box) -> _MarkedPart:
    """Return the part of the mask in the box, split by thickness."""
    window = expand_box(box, _MARGIN, mask.size)
    marked_in_window = mask.crop(window).point(_NONZERO_TO_255)
    is_thick = find_thick_parts(marked_in_window).crop(shift_box(box, -window[0], -window[1]))
    levels = mask.crop(box)
    return _MarkedPart(
        box=box,
        window=window,
        marked_in_window=marked_in_window,
        thick=ImageChops.darker(levels, is_thick),
        thin=ImageChops.subtract(levels, is_thick),
    )


def _is_tight(image: Image.Image, mask: Image.Image) -> bool:
    """Return whether pixels next to the thin parts contain the colours of what is removed, measured at some of them."""
    thin_parts = (part for part in _marked_parts(mask) if part.thin.getbbox())
    return has_halo(
        (image.crop(part.window).convert("RGB"), part.marked_in_window)
        for part in islice(thin_parts, _MEASURED_PARTS)
    )


def _fill_marked(part: Image.Image, marked: Image.Image, is_tight: bool) -> Image.Image:
    """Return the part of the image as "RGB" with its marked pixels filled from the opaque ones around them.

    When the mask is tight, the pixels next to it are not used.
    """
    unmarked = ImageChops.invert(marked)
    known = ImageChops.invert(grow_one_pixel(marked)) if is_tight else unmarked
    if part.mode == "RGBA":
        opaque = part.getchannel("A").point(lambda alpha: 255 if alpha >= _MIN_OPAQUE else 0)
        known = ImageChops.darker(known, opaque)
    return fill_thin_hole(part.convert("RGB"), known if known.getbbox() else unmarked)
