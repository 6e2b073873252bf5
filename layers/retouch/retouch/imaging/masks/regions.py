"""Boxes: find the areas that a mask marks, and move, grow and split boxes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from retouch.core.geometry import Box as Box
from retouch.imaging.pillow import Image

_MIN_GAP = 8  # pixels; minimum gap between two areas that are handled separately
_MAX_BAND_PIXELS = 2_097_152  # pixels of a band; about ten copies of a band are in memory at once
_MAX_REGIONS = 24  # a mask with more areas is a pattern and is handled as one area


def find_regions(mask: Image.Image) -> list[Box]:
    """Return the boxes of the areas that an "L" mask marks. Empty rows or columns separate them."""
    whole = mask.getbbox()
    if whole is None:
        return []
    boxes = _split_at_gaps(mask, whole, _MAX_REGIONS)
    return boxes if len(boxes) <= _MAX_REGIONS else [whole]


def expand_box(box: Box, by: int, size: tuple[int, int]) -> Box:
    """Return the box with `by` more pixels on each side, limited to an image of `size`."""
    left, top, right, bottom = box
    return max(0, left - by), max(0, top - by), min(size[0], right + by), min(size[1], bottom + by)


def shift_box(box: Box, dx: int, dy: int) -> Box:
    """Return the box, shifted by `dx` to the right and by `dy` down."""
    return box[0] + dx, box[1] + dy, box[2] + dx, box[3] + dy


def is_inside(box: Box, size: tuple[int, int]) -> bool:
    """Return whether the box lies inside an image of `size`."""
    return box[0] >= 0 and box[1] >= 0 and box[2] <= size[0] and box[3] <= size[1]


def are_disjoint(first: Box, second: Box) -> bool:
    """Return whether two boxes have no pixel in common."""
    return (
        first[2] <= second[0]
        or second[2] <= first[0]
        or first[3] <= second[1]
        or second[3] <= first[1]
    )


def box_area(box: Box) -> int:
    """Return the number of pixels in the box."""
    return (box[2] - box[0]) * (box[3] - box[1])


def split_into_bands(box: Box | None, lines: int = 1) -> Iterator[Box]:
    """Yield the box in bands of full width, from the top. Each band is small enough to be copied.

    The height of every band but the last is a multiple of `lines`. For None nothing is yielded.
    """
    if box is None:
        return
    left, top, right, bottom = box
    height = max(1, _MAX_BAND_PIXELS // ((right - left) * lines)) * lines
    for start in range(top, bottom, height):
        yield left, start, right, min(bottom, start + height)


def split_box(box: Box) -> tuple[Box, Box]:
    """Return the two halves of the box, split across its longer side."""
    left, top, right, bottom = box
    if right - left >= bottom - top:
        middle = (left + right) // 2
        return (left, top, middle, bottom), (middle, top, right, bottom)
    middle = (top + bottom) // 2
    return (left, top, right, middle), (left, middle, right, bottom)


def _split_at_gaps(mask: Image.Image, box: Box, max_parts: int) -> list[Box]:
    """Split the box at gaps, in columns and rows, and repeat this for each part.

    The splitting stops when there are no more gaps or when there are too many parts.
    """
    across, down = mask.crop(box).getprojection()
    parts = [
        (box[0] + x, box[1] + y, box[0] + right, box[1] + bottom)
        for x, right in _find_runs(across)
        for y, bottom in _find_runs(down)
    ]
    if len(parts) == 1 or len(parts) > max_parts:
        return parts
    boxes: list[Box] = []
    for part in parts:
        tight_box = mask.crop(part).getbbox()
        if tight_box and len(boxes) <= max_parts:
            boxes += _split_at_gaps(
                mask, shift_box(tight_box, part[0], part[1]), max_parts - len(boxes)
            )
    return boxes


def _find_runs(marked: list[int]) -> list[tuple[int, int]]:
    """Return [(start, end)] of the marked stretches. Gaps shorter than _MIN_GAP do not separate stretches."""
    runs: list[tuple[int, int]] = []
    at = 0
    for value, group in groupby(marked):
        length = len(list(group))
        if value and runs and at - runs[-1][1] < _MIN_GAP:
            runs[-1] = (runs[-1][0], at + length)
        elif value:
            runs.append((at, at + length))
        at += length
    return runs
