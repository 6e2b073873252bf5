"""Tell the thin parts of a mark from the thick ones, and fill the thin ones.

The square of _THIN_PIXELS by _THIN_PIXELS pixels fits nowhere into a thin part. The image is worked on in tiles, so the
memory does not depend on its size.
"""

from __future__ import annotations

from collections.abc import Iterator

from PIL import Image, ImageChops, ImageFilter

from retouch.imaging.inpaint.thin_fill import fill_thin_hole
from retouch.imaging.masks.regions import Box, expand_box, shift_box

_THIN_PIXELS = 17
_REACH = _THIN_PIXELS // 2
_TILE_SIDE = 256  # pixels
_MARGIN = 24  # pixels around a tile: more than a thin part is wide, and at least three times _REACH
_REACH_BLUR = ImageFilter.BoxBlur(_REACH)
_MIN_OPAQUE = 128  # alpha; colours of more transparent pixels are not used
_NONZERO_TO_255 = [0] + [255] * 255
_BELOW_255_TO_0 = [0] * 255 + [255]


def fill_thin_areas(image: Image.Image, mask: Image.Image) -> Image.Image | None:
    """Fill the thin parts of the mask in place. Return the mask without them, or None when nothing is left.

    The image is "L", "RGB" or "RGBA". The mask is "L": 255 is filled, and values between are blended.
    """
    thick_mask: Image.Image | None = None
    for tile in _marked_tiles(mask):
        window = expand_box(tile, _MARGIN, image.size)
        marked = mask.crop(window).point(_NONZERO_TO_255)
        tile_in_window = shift_box(tile, -window[0], -window[1])
        tile_mask, tile_thick = mask.crop(tile), find_thick_parts(marked).crop(tile_in_window)
        if tile_thick.getbbox():
            thick_mask = thick_mask or Image.new("L", mask.size)
            thick_mask.paste(ImageChops.darker(tile_mask, tile_thick), tile)
        thin_mask = ImageChops.subtract(tile_mask, tile_thick)
        if thin_mask.getbbox():
            filled = _fill_marked(image.crop(window), marked).crop(tile_in_window)
            image.paste(filled.convert(image.mode), tile, thin_mask)
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


def _marked_tiles(mask: Image.Image) -> Iterator[Box]:
    """Yield for each tile the box of its marked pixels."""
    for top in range(0, mask.height, _TILE_SIDE):
        for left in range(0, mask.width, _TILE_SIDE):
            tile = left, top, left + _TILE_SIDE, top + _TILE_SIDE
            box = mask.crop(tile).getbbox()
            if box:
                yield shift_box(box, left, top)


def _fill_marked(part: Image.Image, marked: Image.Image) -> Image.Image:
    """Return the part of the image as "RGB" with its marked pixels filled from the opaque ones around them."""
    unmarked = ImageChops.invert(marked)
    known = unmarked
    if part.mode == "RGBA":
        opaque = part.getchannel("A").point(lambda alpha: 255 if alpha >= _MIN_OPAQUE else 0)
        known = ImageChops.darker(unmarked, opaque)
    return fill_thin_hole(part.convert("RGB"), known if known.getbbox() else unmarked)
