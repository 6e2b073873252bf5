"""Draw shapes into a mask. A pixel belongs to a shape when its centre lies inside the shape.

All values are in pixels from the upper left corner of the image, and may have fractions. Pillow's ImageDraw is not
used: it supports whole pixels only, includes both end points of every range, and loads fonts.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from math import ceil, floor, sqrt
from typing import Protocol

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.imaging.pillow import Image


class Shape(Protocol):
    """A shape that can be drawn into a mask."""

    def draw(self, mask: Image.Image) -> None:
        """Set the pixels of the shape in an "L" image to 255. Parts outside the image are ignored."""


@frozen_dataclass
class Rectangle:
    """The pixels from (x, y) on. With whole numbers it has exactly width * height pixels."""

    x: float
    y: float
    width: float
    height: float

    def draw(self, mask: Image.Image) -> None:
        """Set all pixels of the rectangle at once."""
        columns = _covered_pixels(self.x, self.x + self.width, mask.width)
        rows = _covered_pixels(self.y, self.y + self.height, mask.height)
        if columns and rows:
            mask.paste(255, (columns.start, rows.start, columns.stop, rows.stop))


@frozen_dataclass
class Ellipse:
    """The pixels within the radii rx and ry around (cx, cy)."""

    cx: float
    cy: float
    rx: float
    ry: float

    def draw(self, mask: Image.Image) -> None:
        """Set the pixels of the ellipse row by row."""
        for y in _covered_pixels(self.cy - self.ry, self.cy + self.ry, mask.height):
            distance = (y + 0.5 - self.cy) / self.ry
            half_width = self.rx * sqrt(max(0.0, 1 - distance * distance))
            left = max(0, ceil(self.cx - half_width - 0.5))
            right = min(mask.width, floor(self.cx + half_width - 0.5) + 1)
            if left < right:
                mask.paste(255, (left, y, right, y + 1))


@frozen_dataclass
class Polygon:
    """The area inside a closed line through the points.

    An area that the line encloses twice is outside.
    """

    points: tuple[tuple[float, float], ...]

    def count_crossings(self, height: int) -> int:
        """Return how often the outline crosses a row of pixels. The time to draw it depends on this."""
        return sum(
            len(_covered_pixels(top, bottom, height)) for _, top, _, bottom in self._iter_sides()
        )

    def draw(self, mask: Image.Image) -> None:
        """Set the pixels of the polygon.

        Each row is an integer with one bit for each pixel. A crossing of the outline flips all bits to its right.
        """
        stride = (mask.width + 7) // 8
        lines = [0] * mask.height
        for x, top, end, bottom in self._iter_sides():
            rows = _covered_pixels(top, bottom, mask.height)
            slope = (end - x) / (bottom - top) if rows else 0.0
            start = x - 0.5 + (0.5 - top) * slope
            for y in rows:
                left = min(max(ceil(start + y * slope), 0), mask.width)
                lines[y] ^= (1 << 8 * stride - left) - 1
        bits = b"".join(line.to_bytes(stride) for line in lines)
        mask.paste(255, mask=Image.frombytes("1", mask.size, bits))

    def _iter_sides(self) -> Iterator[tuple[float, float, float, float]]:
        """Yield (x, y, x, y) from the upper to the lower end of each side."""
        for first, second in pairwise((*self.points, self.points[0])):
            (x, top), (end, bottom) = sorted((first, second), key=lambda point: point[1])
            yield x, top, end, bottom


def _covered_pixels(start: float, end: float, size: int) -> range:
    """Return the pixels in 0 .. size - 1 whose centre lies in start <= centre < end."""
    return range(max(0, ceil(start - 0.5)), min(size, ceil(end - 0.5)))
