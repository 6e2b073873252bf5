"""Shapes, painted into a mask. A pixel belongs to a shape when its centre lies inside.

All measures are pixels from the left upper corner of the picture, and may have fractions. Pillow's
ImageDraw is not used: it knows whole pixels only, counts both ends of everything, and loads fonts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor, sqrt
from typing import Protocol

from PIL import Image


class Shape(Protocol):
    """Anything that can be filled."""

    def paint(self, edit: Image.Image) -> None:
        """Set its pixels in an "L" image to 255, as far as it lies in there."""


@dataclass(frozen=True, slots=True)
class Rectangle:
    """The pixels from (x, y) on; with whole numbers exactly width * height of them."""

    x: float
    y: float
    width: float
    height: float

    def paint(self, edit: Image.Image) -> None:
        """All at once."""
        across = _centres(self.x, self.x + self.width, edit.width)
        down = _centres(self.y, self.y + self.height, edit.height)
        if across and down:
            edit.paste(255, (across.start, down.start, across.stop, down.stop))


@dataclass(frozen=True, slots=True)
class Ellipse:
    """All that is within the radii rx and ry around (cx, cy)."""

    cx: float
    cy: float
    rx: float
    ry: float

    def paint(self, edit: Image.Image) -> None:
        """Line by line."""
        for y in _centres(self.cy - self.ry, self.cy + self.ry, edit.height):
            away = (y + 0.5 - self.cy) / self.ry
            half = self.rx * sqrt(max(0.0, 1 - away * away))
            left = max(0, ceil(self.cx - half - 0.5))
            right = min(edit.width, floor(self.cx + half - 0.5) + 1)
            if left < right:
                edit.paste(255, (left, y, right, y + 1))


@dataclass(frozen=True, slots=True)
class Polygon:
    """What a line through the points, back to the first, encloses; what it encloses twice is outside."""

    points: tuple[tuple[float, float], ...]

    def crossings(self, height: int) -> int:
        """How often the outline crosses a line of pixels: what painting it costs."""
        return sum(len(_centres(top, bottom, height)) for _, top, _, bottom in self._sides())

    def paint(self, edit: Image.Image) -> None:
        """Each line is a number with a bit for each pixel, and a crossing flips all bits right of it."""
        stride = (edit.width + 7) // 8
        lines = [0] * edit.height
        for x, top, end, bottom in self._sides():
            rows = _centres(top, bottom, edit.height)
            slope = (end - x) / (bottom - top) if rows else 0.0
            start = x - 0.5 + (0.5 - top) * slope
            for y in rows:
                left = min(max(ceil(start + y * slope), 0), edit.width)
                lines[y] ^= (1 << 8 * stride - left) - 1
        bits = b"".join(line.to_bytes(stride) for line in lines)
        edit.paste(255, mask=Image.frombytes("1", edit.size, bits))

    def _sides(self) -> Iterator[tuple[float, float, float, float]]:
        """(x, y, x, y) from the upper to the lower end of each side."""
        for one, other in pairwise((*self.points, self.points[0])):
            (x, top), (end, bottom) = sorted((one, other), key=lambda point: point[1])
            yield x, top, end, bottom


def _centres(start: float, end: float, most: int) -> range:
    """The pixels 0 .. most - 1 whose middle lies in start <= middle < end."""
    return range(max(0, ceil(start - 0.5)), min(most, ceil(end - 0.5)))
