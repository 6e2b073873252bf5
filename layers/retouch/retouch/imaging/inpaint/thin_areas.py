"""Tell the thin parts of a mark from the thick ones, and fill the thin ones.

The square of _THIN_PIXELS by _THIN_PIXELS pixels fits nowhere into a thin part. The image is worked on in tiles, so the
memory does not depend on its size.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.geometry import Box
from retouch.imaging.inpaint.colour_range import ColourRange, measure_colour_range
from retouch.imaging.inpaint.halo import grow_one_pixel, has_halo
from retouch.imaging.inpaint.thin_fill import fill_thin_hole
from retouch.imaging.masks.regions import expand_box, shift_box
from retouch.imaging.pillow import Image, ImageChops, ImageFilter

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


@frozen_dataclass
class _MarkedPart:
    """The marked part of a tile. The masks are "L"."""

    box: Box
    window: Box  # the box and its surroundings
    marked: Image.Image  # the window at the scale of the work: 255 for a marked pixel, else 0
    thick: Image.Image  # the levels of the mask in the box, 0 outside its thick parts
    thin: Image.Image  # the same for its thin parts


def fill_thin_areas(image: Image.Image, mask: Image.Image, factor: int = 1) -> Image.Image | None:
    """Fill the thin parts of the mask in place. Return the mask without them, or None when nothing is left.

    The work is done at the scale 1 / factor, so a part may be `factor` times as thick.

    The image is "L", "RGB" or "RGBA". The mask is "L": 255 is filled, and values between are blended. When it has both
    thin and thick parts and more than _MAX_MIXED_PIXELS pixels, nothing is filled: a second mask would need too much
    memory.
    """
    has_thin, has_thick = _kinds_of_parts(mask, factor)
    if not has_thin or (has_thick and mask.width * mask.height > _MAX_MIXED_PIXELS):
        return mask
    thick_mask = Image.new("L", mask.size) if has_thick else None
    is_tight = _is_tight(image, mask, factor)
    for part in _marked_parts(mask, factor):
        if thick_mask:
            thick_mask.paste(part.thick, part.box)
        if part.thin.getbbox():
            small, colours = _fill_marked(
                _shrink(image, part.window, factor), part.marked, is_tight
            )
            filled = _enlarge(small, factor, Image.Resampling.BICUBIC)
            tile = filled.crop(shift_box(part.box, -part.window[0], -part.window[1]))
            image.paste(colours.limit(tile).convert(image.mode), part.box, part.thin)
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


def _kinds_of_parts(mask: Image.Image, factor: int) -> tuple[bool, bool]:
    """Return whether the mask has thin parts, and whether it has thick ones."""
    has_thin = has_thick = False
    for part in _marked_parts(mask, factor):
        has_thin = has_thin or bool(part.thin.getbbox())
        has_thick = has_thick or bool(part.thick.getbbox())
        if has_thin and has_thick:
            break
    return has_thin, has_thick


def _marked_parts(mask: Image.Image, factor: int) -> Iterator[_MarkedPart]:
    """Yield the marked part of each tile that has one."""
    side = _TILE_SIDE * factor
    for top in range(0, mask.height, side):
        for left in range(0, mask.width, side):
            box = mask.crop((left, top, left + side, top + side)).getbbox()
            if box:
                start = box[0] // factor * factor, box[1] // factor * factor
                yield _split_part(mask, shift_box((*start, *box[2:]), left, top), factor)


def _split_part(mask: Image.Image, box: Box, factor: int) -> _MarkedPart:
    """Return the part of the mask in the box, split by thickness. The box starts at a multiple of `factor`."""
    window = expand_box(box, _MARGIN * factor, mask.size)
    marked = _shrink(mask, window, factor).point(_NONZERO_TO_255)
    is_thick = _enlarge(find_thick_parts(marked), factor, Image.Resampling.NEAREST)
    is_thick = is_thick.crop(shift_box(box, -window[0], -window[1]))
    levels = mask.crop(box)
    return _MarkedPart(
        box=box,
        window=window,
        marked=marked,
        thick=ImageChops.darker(levels, is_thick),
        thin=ImageChops.subtract(levels, is_thick),
    )


def _shrink(image: Image.Image, box: Box, factor: int) -> Image.Image:
    part = image.crop(box)
    return part.reduce(factor) if factor > 1 else part


def _enlarge(image: Image.Image, factor: int, filter: Image.Resampling) -> Image.Image:
    return image.resize((image.width * factor, image.height * factor), filter)


def _is_tight(image: Image.Image, mask: Image.Image, factor: int) -> bool:
    """Return whether pixels next to the thin parts contain the colours of what is removed, measured at some of them."""
    thin_parts = (part for part in _marked_parts(mask, factor) if part.thin.getbbox())
    return has_halo(
        (_shrink(image, part.window, factor).convert("RGB"), part.marked)
        for part in islice(thin_parts, _MEASURED_PARTS)
    )


def _fill_marked(
    part: Image.Image, marked: Image.Image, is_tight: bool
) -> tuple[Image.Image, ColourRange]:
    """Return the part as "RGB" with its marked pixels filled from the opaque ones around them, and their colours.

    When the mask is tight, the pixels next to it are not used.
    """
    unmarked = ImageChops.invert(marked)
    known = ImageChops.invert(grow_one_pixel(marked)) if is_tight else unmarked
    if part.mode == "RGBA":
        opaque = part.getchannel("A").point(lambda alpha: 255 if alpha >= _MIN_OPAQUE else 0)
        known = ImageChops.darker(known, opaque)
    if not known.getbbox():
        known = unmarked
    rgb = part.convert("RGB")
    return fill_thin_hole(rgb, known), measure_colour_range(rgb, known)
