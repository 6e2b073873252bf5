"""Boxes: where a mask marks something, and how boxes move and grow."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from PIL import Image

from retouch.framing import Box as Box

_GAP = 8  # pixels between two areas that are worth treating on their own
_BAND = 4_194_304  # pixels that are worked on at once, with some ten copies of them in memory
_MOST = 24  # beyond this a mask is a pattern, and is treated as one area


def regions(edit: Image.Image) -> list[Box]:
    """The boxes of the areas that an "L" mask marks, where empty rows or columns separate them."""
    whole = edit.getbbox()
    if whole is None:
        return []
    found = _divide(edit, whole, _MOST)
    return found if len(found) <= _MOST else [whole]


def grown(box: Box, by: int, size: tuple[int, int]) -> Box:
    """The box with `by` more pixels on each side, inside an image of `size`."""
    left, top, right, bottom = box
    return max(0, left - by), max(0, top - by), min(size[0], right + by), min(size[1], bottom + by)


def moved(box: Box, dx: int, dy: int) -> Box:
    """The box, dx to the right and dy down."""
    return box[0] + dx, box[1] + dy, box[2] + dx, box[3] + dy


def inside(box: Box, size: tuple[int, int]) -> bool:
    """Whether the box lies in an image of `size`."""
    return box[0] >= 0 and box[1] >= 0 and box[2] <= size[0] and box[3] <= size[1]


def apart(one: Box, other: Box) -> bool:
    """Whether two boxes have no pixel in common."""
    return one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]


def area(box: Box) -> int:
    """How many pixels the box has."""
    return (box[2] - box[0]) * (box[3] - box[1])


def bands(box: Box | None, lines: int = 1) -> Iterator[Box]:
    """The box in parts of full width, from the top, none too large to be copied; none of None.

    All but the last have a multiple of `lines`.
    """
    if box is None:
        return
    left, top, right, bottom = box
    height = max(1, _BAND // ((right - left) * lines)) * lines
    for start in range(top, bottom, height):
        yield left, start, right, min(bottom, start + height)


def halves(box: Box) -> tuple[Box, Box]:
    """The box, cut across its longer side."""
    left, top, right, bottom = box
    if right - left >= bottom - top:
        middle = (left + right) // 2
        return (left, top, middle, bottom), (middle, top, right, bottom)
    middle = (top + bottom) // 2
    return (left, top, right, middle), (left, middle, right, bottom)


def _divide(edit: Image.Image, box: Box, left_over: int) -> list[Box]:
    """Cut at gaps, across and down in turn, until there are none or there are too many parts."""
    across, down = edit.crop(box).getprojection()
    parts = [
        (box[0] + x, box[1] + y, box[0] + right, box[1] + bottom)
        for x, right in _runs(across)
        for y, bottom in _runs(down)
    ]
    if len(parts) == 1 or len(parts) > left_over:
        return parts
    found: list[Box] = []
    for part in parts:
        tight = edit.crop(part).getbbox()
        if tight and len(found) <= left_over:
            found += _divide(edit, moved(tight, part[0], part[1]), left_over - len(found))
    return found


def _runs(marked: list[int]) -> list[tuple[int, int]]:
    """[(start, end)] of the marked stretches; gaps shorter than _GAP do not count."""
    runs: list[tuple[int, int]] = []
    at = 0
    for value, group in groupby(marked):
        length = len(list(group))
        if value and runs and at - runs[-1][1] < _GAP:
            runs[-1] = (runs[-1][0], at + length)
        elif value:
            runs.append((at, at + length))
        at += length
    return runs
