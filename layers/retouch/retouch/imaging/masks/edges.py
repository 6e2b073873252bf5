"""The edge of a mask: move it outwards (dilate), move it inwards (erode), or make it soft (feather)."""

from __future__ import annotations

from math import ceil

from retouch.core.geometry import Box
from retouch.imaging.masks.regions import (
    box_area,
    expand_box,
    shift_box,
    split_box,
    split_into_bands,
)
from retouch.imaging.pillow import Image, ImageChops, ImageFilter

# This is the largest blur radius at which a single 255 among zeros does not round to 0.
_MAX_BLUR_RADIUS = 240
_INFLUENCE_HALF_RAMPS = 4  # half ramp widths from which a pixel at the edge may be influenced
_TILE_PIXELS = 65_536  # pixels of a tile that is not split further
_TILE_INFLUENCES = 4  # A tile is not much smaller than its surroundings, which are computed too.
_NONZERO_TO_255 = [0] + [255] * 255
_ONLY_255 = [0] * 255 + [255]


def dilate(mask: Image.Image, distance: int) -> Image.Image:
    """Return a mask of 0 and 255 that marks all pixels near a pixel above 0.

    Near means at most `distance` pixels across, down or diagonally.
    """
    return _dilate_marked(mask.point(_NONZERO_TO_255), distance)


def erode(mask: Image.Image, distance: int) -> Image.Image:
    """Return a mask of 0 and 255 that marks all pixels more than `distance` pixels away from every pixel below 255.

    Pixels beyond the border of the image count like the border itself. So a mask that reaches the border still reaches
    it.
    """
    return ImageChops.invert(_dilate_marked(ImageChops.invert(mask.point(_ONLY_255)), distance))


def feather(mask: Image.Image, width: int) -> Image.Image:
    """Return the mask with a ramp from 0 to its own value, `width` pixels wide, inside its edge.

    No pixel gets a higher value than before. Where the mask is too thin for the whole ramp, a narrower ramp is used, or
    none. So a mask of very thin lines does not fade away.
    """
    box = mask.getbbox()
    if width < 1 or box is None:
        return mask
    soft = mask.copy()
    for band in split_into_bands(box):
        soft.paste(feather_box(mask, band, width), band)
    return soft


def feather_box(mask: Image.Image, box: Box, width: int) -> Image.Image:
    """Return the part of `feather(mask, width)` that lies in the box, without computing the rest.

    Only tiles near an edge are computed. A large mask has few of them.
    """
    part = mask.crop(box)
    if width < 1:
        return part
    influence = _INFLUENCE_HALF_RAMPS * ceil(width / 2) + 1
    around = expand_box(box, influence, mask.size)
    surroundings = mask.crop(around)
    if not _has_edge(surroundings):
        return part
    if box_area(box) > max(_TILE_PIXELS, (_TILE_INFLUENCES * influence) ** 2):
        for half in split_box(box):
            part.paste(feather_box(mask, half, width), shift_box(half, -box[0], -box[1])[:2])
        return part
    ramp = _build_ramp(surroundings.point(_NONZERO_TO_255), width)
    return ImageChops.multiply(part, ramp.crop(shift_box(box, -around[0], -around[1])))


def _has_edge(mask: Image.Image) -> bool:
    """Return whether some pixels are marked and others are not."""
    lowest, highest = mask.getextrema()
    return lowest == 0 and highest != 0


def _build_ramp(marked: Image.Image, width: int) -> Image.Image:
    """Return the ramp: a box blur of the mask after half the ramp width has been eroded.

    Parts of the mask that are too thin for this get a narrower ramp.
    """
    if width < 1:
        return marked
    half = ceil(width / 2)
    core = erode(marked, half)
    if core.getbbox() is None:
        return _build_ramp(marked, width // 3)
    # In this area the full ramp reaches its end.
    full_ramp_area = dilate(erode(core, half), 2 * half)
    thin = ImageChops.subtract(marked, full_ramp_area)
    ramp = core.filter(ImageFilter.BoxBlur(width / 2))
    if thin.getbbox():
        ramp = ImageChops.lighter(ramp, ImageChops.darker(thin, _build_ramp(marked, width // 3)))
    return ramp


def _dilate_marked(marked: Image.Image, distance: int) -> Image.Image:
    """Dilate a mask of 0 and 255 by averaging along rows and then along columns.

    A result above 0 means that a pixel of 255 is near.
    """
    while distance > 0:
        step = min(distance, _MAX_BLUR_RADIUS)
        for radius in ((step, 0), (0, step)):
            marked = marked.filter(ImageFilter.BoxBlur(radius)).point(_NONZERO_TO_255)
        distance -= step
    return marked
