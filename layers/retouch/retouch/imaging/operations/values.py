"""The types of field values other than plain numbers and strings.

The `str` of each value is used in the description of the steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.geometry import Size
from retouch.imaging.pillow import Image

# Left, top, right and bottom in pixels. The right and bottom edges are not part of the box.
Box = tuple[int, int, int, int]
Rgba = tuple[int, int, int, int]
Values = Mapping[str, Any]  # canonical values of a step, by field name
ImageFunction = Callable[["Image.Image", Values], "Image.Image"]

MAX_PIXELS = 16_777_216  # of any image while the steps run
# Pixels. Every output format can hold this; WebP has the lowest limit.
MAX_EDGE = 16_383


class InvalidSteps(ValueError):
    """A list of steps that must not be run. The text says why, so that its author can correct it."""


def check_image_size(size: Size) -> None:
    """Raise InvalidSteps when an image of this size, in pixels, would be too large to make."""
    if max(size) > MAX_EDGE or size[0] * size[1] > MAX_PIXELS:
        raise InvalidSteps(
            f"it would make a picture of {size[0]}x{size[1]} pixels; at most {MAX_PIXELS} pixels and "
            f"{MAX_EDGE} pixels a side are possible."
        )


@frozen_dataclass
class Length:
    """A fraction of an edge, 0..1, or a number of pixels."""

    amount: float
    in_pixels: bool = False

    def to_pixels(self, edge: int) -> int:
        """Return the length in pixels along an edge of `edge` pixels, at most that many."""
        return min(edge, round(self.amount if self.in_pixels else self.amount * edge))

    def __str__(self) -> str:
        return f"{self.amount:g} px" if self.in_pixels else f"{self.amount * 100:.4g}%"


@frozen_dataclass
class Region:
    """A rectangle. Each side is measured from the left or from the top."""

    left: Length = Length(0.0)
    top: Length = Length(0.0)
    right: Length = Length(1.0)
    bottom: Length = Length(1.0)

    def box(self, size: Size) -> Box:
        """Return the box in pixels of an image of that size. Raises InvalidSteps when the box is empty."""
        width, height = size
        left, right = self.left.to_pixels(width), self.right.to_pixels(width)
        top, bottom = self.top.to_pixels(height), self.bottom.to_pixels(height)
        if left >= right or top >= bottom:
            raise InvalidSteps(f"{self} holds no pixel of a picture of {width}x{height} pixels.")
        return left, top, right, bottom

    def __str__(self) -> str:
        across, down = f"{self.left} to {self.right} across", f"{self.top} to {self.bottom} down"
        return _REGION_NAMES.get(self) or f"the area from {across} and {down}"


WHOLE_IMAGE = Region()
_REGION_NAMES = {
    WHOLE_IMAGE: "the whole picture",
    Region(right=Length(0.5)): "the left half",
    Region(left=Length(0.5)): "the right half",
    Region(bottom=Length(0.5)): "the top half",
    Region(top=Length(0.5)): "the bottom half",
}


@frozen_dataclass
class Colour:
    """A colour with the name that was sent."""

    name: str
    rgba: Rgba

    @property
    def is_transparent(self) -> bool:
        """Return whether the colour is transparent."""
        return self.rgba[3] == 0

    def __str__(self) -> str:
        return self.name


@frozen_dataclass
class TargetSize:
    """A size to scale to: both edges, one edge (the other follows), or a percentage of both."""

    width: int | None = None
    height: int | None = None
    factor: float = 0.0

    def scaled_size(self, original_size: Size) -> Size:
        """Return the size in pixels for an image of that size."""
        width, height = original_size
        if self.factor:
            return max(1, round(width * self.factor)), max(1, round(height * self.factor))
        across = self.width or max(1, round(width * (self.height or height) / height))
        return across, self.height or max(1, round(height * across / width))

    def __str__(self) -> str:
        if self.factor:
            return f"{self.factor:.0%}"
        if self.width and self.height:
            return f"{self.width}x{self.height} px"
        return f"{self.width} px across" if self.width else f"{self.height} px down"
