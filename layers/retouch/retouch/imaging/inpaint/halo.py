"""Measure whether the colour of a removed thing reaches beyond its mask.

Anti-aliasing, a lens or JPEG mix the border of a thing with its surroundings. A tight mask leaves such pixels unmarked.
They stay as they are, but a fill must not take its colours from them.
"""

from __future__ import annotations

from collections.abc import Iterable

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.imaging.pillow import Image, ImageChops, ImageFilter

_MIN_SHARE = 0.05  # share of the removed colour in the pixels next to the mask
_NEIGHBOURHOOD = ImageFilter.BoxBlur(5)
_MIN_COUNTED = 24  # of 255; share of a neighbourhood from which a mean is exact enough
_ENOUGH_TO_255 = [0] * _MIN_COUNTED + [255] * (256 - _MIN_COUNTED)
_ONE_PIXEL = ImageFilter.MaxFilter(3)


def has_halo(parts: Iterable[tuple[Image.Image, Image.Image]]) -> bool:
    """Return whether the pixels next to the marks contain the colours of the marked ones.

    A part is an "RGB" image and its mask, "L" with 255 for marked pixels, else 0. The share is that of a least squares
    fit over all parts.
    """
    mixed = total = 0
    for image, marked in parts:
        next_to_mark = grow_one_pixel(marked)
        beyond = ImageChops.invert(grow_one_pixel(next_to_mark))
        around = neighbourhood_means(image, beyond, _NEIGHBOURHOOD)
        removed = neighbourhood_means(image, marked, _NEIGHBOURHOOD)
        ring = ImageChops.subtract(next_to_mark, marked)
        part = compare_ring(image, ring, around, removed)
        mixed, total = mixed + part.mixed, total + part.total
    return mixed > _MIN_SHARE * total


@frozen_dataclass
class RingColours:
    """The sums of a least squares fit of the colours in a ring. `mixed / total` is the share of the removed colours."""

    mixed: int
    total: int  # the sum of the squares of the contrasts between removed and surrounding colours, in half levels
    pixels: int  # that could be measured


def compare_ring(
    image: Image.Image, ring: Image.Image, around: Image.Image, removed: Image.Image
) -> RingColours:
    """Return how much of the removed colours the pixels of the ring have, where both colours are known."""
    measurable = ImageChops.darker(around.getchannel("A"), removed.getchannel("A"))
    ring = ImageChops.darker(ring, measurable.point(_ENOUGH_TO_255))
    around, removed = around.convert("RGB"), removed.convert("RGB")
    contrast = ImageChops.subtract(removed, around, 2, 128)
    change = ImageChops.subtract(image, around, 2, 128)
    # 4ab = (a + b)² - (a - b)²
    mixed = _sum_of_squares(ImageChops.add(contrast, change, 2), ring) - _sum_of_squares(
        ImageChops.subtract(contrast, change, 2, 128), ring
    )
    return RingColours(mixed, _sum_of_squares(contrast, ring), ring.histogram()[255])


def grow_one_pixel(mask: Image.Image) -> Image.Image:
    """Return the mask with the pixels next to it."""
    return mask.filter(_ONE_PIXEL)


def neighbourhood_means(
    image: Image.Image, counted: Image.Image, neighbourhood: ImageFilter.BoxBlur
) -> Image.Image:
    """Return for each pixel the mean of the counted pixels in its neighbourhood, and their share as alpha: "RGBA"."""
    weighted = image.copy()
    weighted.putalpha(counted)
    return weighted.convert("RGBa").filter(neighbourhood).convert("RGBA")


def _sum_of_squares(image: Image.Image, area: Image.Image) -> int:
    """Return the sum of the squares of the levels of all bands in the area, counted from 128."""
    histogram = image.histogram(area)
    return sum((index % 256 - 128) ** 2 * count for index, count in enumerate(histogram))
