"""Measure how far a removed object reaches beyond its mask, when a rim of the object is left on all sides.

The rim stays as it is, but the fill must neither take its colours nor look for a place that has such a rim.
"""

from __future__ import annotations

from itertools import islice, pairwise, takewhile
from math import ceil, sqrt

from retouch.core.geometry import Box
from retouch.imaging.inpaint.halo import RingColours, compare_ring, neighbourhood_means
from retouch.imaging.masks.regions import box_area, expand_box
from retouch.imaging.pillow import Image, ImageChops, ImageFilter

_MAX_PIXELS = 12  # the widest rim that counts as a rest of the object
_MIN_RIM_SHARE = 0.7  # share of the removed colour in the pixels of the rim
# The share falls below this value within this many pixels at the edge of an object. In a texture it falls slowly.
_MAX_SHARE_BEYOND, _EDGE_PIXELS = 0.2, 3
_BLURRED_PIXELS = 2  # of the edge of a rim
_MIN_CONTRAST = (
    200.0  # mean square of the difference between object and surroundings, in half levels
)
_MAX_MEASURED_PIXELS = 2_000_000  # a larger part is measured at a smaller scale
_REACH = 4 * _MAX_PIXELS  # pixels around the area: the rim, its edge and what is further outside
_NEARBY = ImageFilter.BoxBlur(2 * _MAX_PIXELS)
_NONZERO_TO_255 = [0] + [255] * 255


def measure_remains(image: Image.Image, marked: Image.Image, box: Box) -> int:
    """Return the width in pixels of the rim of the object around the marked area in `box`, or 0 when there is none.

    `image` is "RGB", and `marked` is "L" with 255 for marked pixels, else 0. In a rim, the mean colour at each distance
    from the mask is nearer to what the mask covers than to what is further outside.
    """
    factor = ceil(sqrt(box_area(box) / _MAX_MEASURED_PIXELS))
    window = expand_box(box, _REACH * factor, image.size)
    image, marked = image.crop(window), marked.crop(window)
    if factor > 1:
        image, marked = image.reduce(factor), marked.reduce(factor).point(_NONZERO_TO_255)
    around = neighbourhood_means(image, ImageChops.invert(_grow(marked, _MAX_PIXELS + 2)), _NEARBY)
    removed = neighbourhood_means(image, marked, _NEARBY)
    grown = (_grow(marked, distance) for distance in range(_MAX_PIXELS + _EDGE_PIXELS + 1))
    shares = (
        _removed_share(compare_ring(image, ImageChops.subtract(outer, inner), around, removed))
        for inner, outer in pairwise(grown)
    )
    rim = list(takewhile(lambda share: share >= _MIN_RIM_SHARE, shares))
    edge = islice(shares, _EDGE_PIXELS - 1)
    if not rim or min(edge, default=1.0) >= _MAX_SHARE_BEYOND:
        return 0
    # The blurred edge of the rim does not count. At a smaller scale it is wider than what the caller allows for.
    return len(rim) + (len(rim) + _BLURRED_PIXELS) * (factor - 1)


def _removed_share(ring: RingColours) -> float:
    """Return the share of the removed colours, or 0 where these hardly differ from the surroundings."""
    return ring.mixed / ring.total if ring.total > _MIN_CONTRAST * ring.pixels else 0.0


def _grow(mask: Image.Image, pixels: int) -> Image.Image:
    if not pixels:
        return mask
    return mask.filter(ImageFilter.BoxBlur(pixels)).point(_NONZERO_TO_255)
