"""Fill one hole in an image from its neighbourhood, in place."""

from __future__ import annotations

from retouch.core.geometry import Box
from retouch.imaging.inpaint.canvas import InpaintCanvas
from retouch.imaging.inpaint.colour_range import ColourRange
from retouch.imaging.inpaint.patch_search import SourcePatch, find_source_patch, refine_offset
from retouch.imaging.inpaint.smooth_fill import smooth_fill
from retouch.imaging.masks.regions import expand_box, shift_box, split_box
from retouch.imaging.pillow import Image, ImageChops

_MARGIN = 24  # pixels around the hole that define the smooth surface
_MAX_SPLITS = 3  # how often a hole without a good match is split in two
_MIN_SPLIT_SIDE = 16  # pixels; a hole with a shorter longer side is not split
_EXTRA_SPLITS_UNMATCHED = 1  # additional splits of a hole that fits nowhere in the image
# Pixels. A hole that fits nowhere is not split when its longer side is shorter.
_MIN_SPLIT_SIDE_UNMATCHED = 128
# Levels by which a copied band changes at most. A larger step is an edge, and would tint the whole copy.
_MAX_ADJUSTMENT = 32
_LIMITED_DIFFERENCE = [
    128 + max(-_MAX_ADJUSTMENT, min(_MAX_ADJUSTMENT, value - 128)) for value in range(256)
]


def fill_hole(canvas: InpaintCanvas, box: Box, passes: int, colours: ColourRange) -> None:
    """Fill the part of the hole in `box`: first with a smooth surface, then with texture, largest pieces first.

    Texture is adjusted to its new place within `colours`.
    """
    window = expand_box(box, _MARGIN, canvas.image.size)
    known = ImageChops.invert(canvas.hole.crop(window))
    smooth = smooth_fill(canvas.image.crop(window), known, passes)
    canvas.image.paste(smooth, window[:2], canvas.hole_mask(box, window))
    _fill_piece(canvas, box, colours, 1 + passes, _MAX_SPLITS)


def _fill_piece(
    canvas: InpaintCanvas, box: Box, colours: ColourRange, max_starts: int, splits_left: int
) -> None:
    """Fill the box from one source patch if a patch matches, otherwise fill it half by half.

    The half with more known pixels around it is filled first. The second half is then matched to the first.
    """
    tight_box = canvas.hole.crop(box).getbbox()
    if tight_box is None:
        return
    box = shift_box(tight_box, box[0], box[1])
    source = find_source_patch(canvas, box, max_starts)
    if source.is_needed and not source.is_good and _can_split(box, source, splits_left):
        for half in sorted(split_box(box), key=lambda half: -_count_known_pixels(canvas, half)):
            _fill_piece(canvas, half, colours, max_starts, splits_left - 1)
        return
    offset = refine_offset(source, canvas, box) if source.is_usable else None
    _fill_box(canvas, box, colours, offset)


def _fill_box(
    canvas: InpaintCanvas, box: Box, colours: ColourRange, offset: tuple[int, int] | None
) -> None:
    """Fill the box with a clone of the pixels at `offset`.

    Without a usable clone, fit the smooth filling to the pixels that have been filled around it.
    """
    window = expand_box(box, _MARGIN, canvas.image.size)
    known = ImageChops.invert(canvas.hole.crop(window))
    patch = _clone_patch(canvas, window, known, offset, colours) if offset else None
    if patch is None and known.getbbox():
        patch = smooth_fill(canvas.image.crop(window), known)
    if patch:
        canvas.image.paste(patch, window[:2], canvas.hole_mask(box, window))
    canvas.hole.paste(0, box)


def _can_split(box: Box, source: SourcePatch, splits_left: int) -> bool:
    """Return whether the box may be split in two once more."""
    side = max(box[2] - box[0], box[3] - box[1])
    if source.offset is None:
        return splits_left > -_EXTRA_SPLITS_UNMATCHED and side > _MIN_SPLIT_SIDE_UNMATCHED
    return splits_left > 0 and side > _MIN_SPLIT_SIDE


def _count_known_pixels(canvas: InpaintCanvas, box: Box) -> int:
    """Return the number of known pixels in the box and around it."""
    return canvas.hole.crop(expand_box(box, _MARGIN, canvas.image.size)).histogram()[0]


def _clone_patch(
    canvas: InpaintCanvas,
    window: Box,
    known: Image.Image,
    offset: tuple[int, int],
    colours: ColourRange,
) -> Image.Image | None:
    """Return the source patch, adjusted to the colours of its new place.

    The colour difference is measured where both places are known, and is spread smoothly over the rest. Returns None
    when there is no pixel in `window` where both are known.
    """
    place = shift_box(window, *offset)
    copyable = ImageChops.invert(canvas.excluded).crop(place)
    shared = ImageChops.darker(copyable, known)
    if not shared.getbbox():
        return None
    patch = canvas.image.crop(place)
    difference = ImageChops.subtract(canvas.image.crop(window), patch, 1, 128).point(
        _LIMITED_DIFFERENCE * 3
    )
    adjusted = ImageChops.add(patch, smooth_fill(difference, shared), 1, -128)
    return colours.limit(adjusted)
