"""Adjust the marked area of a mask, and describe the result as a Mask."""

from __future__ import annotations

from collections.abc import Callable

from retouch.core.edit_types import EncodedImage, Mask, MaskEdge, MaskOrigin
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.imaging.errors import InvalidImage
from retouch.imaging.masks.edges import dilate, erode, feather
from retouch.imaging.masks.levels import count_marked
from retouch.imaging.pillow import Image, ImageChops

MAX_GROW = 400  # pixels
MAX_FEATHER = 100  # pixels


@frozen_dataclass
class MaskAdjustments:
    """The adjustments to the marked area, applied in this order. `grow` and `feather` are in whole pixels."""

    grow: int = 0
    invert: bool = False
    feather: int = 0

    def __bool__(self) -> bool:
        """Whether any adjustment changes the mask."""
        return bool(self.grow or self.invert or self.feather)


def adjust_levels(levels: Image.Image, adjustments: MaskAdjustments) -> Image.Image:
    """Return a mask of 0 and 255 ("L") after grow, invert and feather."""
    if adjustments.grow:
        levels = (dilate if adjustments.grow > 0 else erode)(levels, abs(adjustments.grow))
    if adjustments.invert:
        levels = ImageChops.invert(levels)
    return feather(levels, adjustments.feather)


def build_mask(
    levels: Image.Image,
    edge: MaskEdge,
    origin: MaskOrigin,
    *,
    explain_empty: Callable[[], str],
    source: EncodedImage | None = None,
) -> Mask:
    """Return the Mask of an "L" image, 255 = edit. Raises InvalidImage (mask_empty) when it marks nothing.

    `explain_empty` returns the reason and the remedy in the error message.
    """
    marked = count_marked(levels, edge)
    if not marked:
        raise InvalidImage("mask_empty", f"marks nothing: {explain_empty()}")
    return Mask(levels, marked / (levels.width * levels.height), edge, source, origin)
