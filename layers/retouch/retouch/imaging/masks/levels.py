"""The levels of a mask: which pixels count as marked, and whether its grey levels are soft edges.

Only this module decides it. What a provider receives, what is restored from the original, the coverage, and the checks
for empty and full masks all use its result.
"""

from __future__ import annotations

from dataclasses import replace

from retouch.core.edit_types import Mask, MaskEdge
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.imaging.limits import DEFAULT_LIMITS
from retouch.imaging.masks.regions import split_into_bands
from retouch.imaging.pillow import Image, ImageChops

# Levels up to this distance from 0 and 255 are noise, such as that of JPEG or of a colour conversion. In JPEG files of
# quality 20 and above, noise that is not at an edge stays below it.
NOISE_LEVELS = 24
# A pixel lies in a wide grey area if its eight neighbours are grey too. An antialiased edge is one or two pixels wide,
# so it has almost no such pixels; the noise of JPEG of quality 5 has 6 % of them. A ramp of four pixels has 35 %.
_MIN_WIDE_SHARE = 0.25
# Of these pixels, the share whose level differs from that of a neighbour. Areas of equal grey, as in an index map or a
# trimap, have below 10 %. A ramp has 50 % or more.
_MIN_SLOPED_SHARE = 0.25
_SLOPE_DIVISOR = 512  # neighbours are compared at a distance of the longer side divided by this

_THRESHOLD_TABLE = [255 if level >= DEFAULT_LIMITS.mask_threshold else 0 for level in range(256)]
_NONZERO_TO_255 = [0] + [255] * 255
_GREY_TO_255 = [255 if NOISE_LEVELS < level < 255 - NOISE_LEVELS else 0 for level in range(256)]
_WITHOUT_NOISE_TABLE = [
    level if grey else 255 * (level > NOISE_LEVELS) for level, grey in enumerate(_GREY_TO_255)
]


@frozen_dataclass
class SettledLevels:
    """The levels of a mask file after noise and antialiasing have been removed."""

    pixels: Image.Image  # "L"
    edge: MaskEdge
    is_thresholded: bool = False  # levels that are not noise became 0 or 255


@frozen_dataclass
class GreyAreas:
    """The numbers of pixels with a level between black and white that is not noise."""

    grey: int
    wide: int  # of these, the pixels whose eight neighbours are grey
    sloped: int  # of the wide ones, the pixels whose level differs from that of a neighbour

    @property
    def are_wide(self) -> bool:
        """Whether the grey pixels form areas, and not just antialiased edges."""
        return self.wide > 0 and self.wide >= self.grey * _MIN_WIDE_SHARE

    @property
    def are_ramps(self) -> bool:
        """Whether the grey pixels form soft edges."""
        return self.are_wide and self.sloped >= self.wide * _MIN_SLOPED_SHARE


def settle_levels(levels: Image.Image, *, is_lossy: bool = False) -> SettledLevels:
    """Return the levels of a mask file ("L", 255 = edit) without noise, as soft or as hard edges.

    Edges are soft if the grey pixels form ramps and a part of the mask is not marked at all. Otherwise a pixel that is
    at least half marked becomes 255 and every other pixel 0. A mask from a lossy file is always hard.
    """
    counts = _count_levels(levels)
    if not any(counts[1:255]):
        return SettledLevels(levels, "hard")
    has_unmarked = any(counts[: NOISE_LEVELS + 1])
    is_grey = any(count for count, grey in zip(counts, _GREY_TO_255, strict=True) if grey)
    if is_grey and has_unmarked and not is_lossy and measure_grey_areas(levels).are_ramps:
        return SettledLevels(levels.point(_WITHOUT_NOISE_TABLE), "soft")
    return SettledLevels(threshold(levels), "hard", is_thresholded=is_grey)


def threshold(levels: Image.Image) -> Image.Image:
    """Return the mask with only 0 and 255. A pixel that is at least half marked becomes 255."""
    return levels.point(_THRESHOLD_TABLE)


def harden_levels(levels: Image.Image, edge: MaskEdge) -> Image.Image:
    """Return the levels with only 0 and 255, as a model without soft edges gets them.

    A soft pixel must be at least half marked. A feathered mask keeps its whole area, because its ramp lies inside the
    area that the request marks.
    """
    if edge == "hard":
        return levels
    return levels.point(_NONZERO_TO_255) if edge == "feathered" else threshold(levels)


def harden_mask(mask: Mask) -> Mask:
    """Return the mask for a model without soft edges. A hard mask is returned unchanged.

    The original is restored with the same hard edge. Only where the request asked for a ramp, that ramp is used.
    """
    if mask.edge == "hard":
        return mask
    return replace(
        mask,
        pixels=harden_levels(mask.pixels, mask.edge),
        edge="hard",
        source_file=None,
        origin=replace(
            mask.origin, is_thresholded=mask.origin.is_thresholded or mask.edge == "soft"
        ),
        blend_pixels=mask.pixels if mask.edge == "feathered" else None,
    )


def count_marked(levels: Image.Image, edge: MaskEdge) -> int:
    """Return the number of marked pixels: those that `harden_levels` makes 255."""
    first_level = 1 if edge == "feathered" else DEFAULT_LIMITS.mask_threshold
    return sum(_count_levels(levels)[first_level:])


def measure_grey_areas(levels: Image.Image) -> GreyAreas:
    """Return how many pixels of an "L" image are grey, and whether they form areas and ramps."""
    grey = wide = sloped = 0
    distance = max(1, max(levels.size) // _SLOPE_DIVISOR)
    for band in split_into_bands(levels.getbbox()):
        part = levels.crop(band)
        grey_part = part.point(_GREY_TO_255)
        wide_part = _erode_by_one(grey_part)
        slope = ImageChops.difference(part, ImageChops.offset(part, distance, distance))
        grey += grey_part.histogram()[255]
        wide += wide_part.histogram()[255]
        sloped += ImageChops.darker(wide_part, slope.point(_NONZERO_TO_255)).histogram()[255]
    return GreyAreas(grey, wide, sloped)


def _erode_by_one(marked: Image.Image) -> Image.Image:
    """Return the pixels whose eight neighbours are marked. At the border of the image, the opposite border counts.

    This is much faster than a rank filter, and a band has few pixels at its border.
    """
    for dx, dy in ((1, 0), (0, 1)):
        first, second = (ImageChops.offset(marked, dx * step, dy * step) for step in (1, -1))
        marked = ImageChops.darker(marked, ImageChops.darker(first, second))
    return marked


def _count_levels(levels: Image.Image) -> list[int]:
    """Return the number of pixels of each level.

    Pixels are counted only inside the bounding box, because counting is slower than decoding a plain mask.
    """
    box = levels.getbbox()
    counts = levels.crop(box).histogram() if box else [0] * 256
    counts[0] += levels.width * levels.height - sum(counts)
    return counts
