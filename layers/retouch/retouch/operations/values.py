"""What a step's fields hold beside plain numbers and words. Each says itself in words, for the plan's description."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from PIL import Image

from retouch.messages import Size

Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels; right and bottom are outside
Rgba = tuple[int, int, int, int]
Values = Mapping[str, Any]  # of a step, canonical, by field
Change = Callable[[Image.Image, Values], Image.Image]

MOST_PIXELS = 16_777_216  # of any picture on the way
MOST_EDGE = 16_383  # what every output format can hold; WebP is the narrowest


class PlanError(ValueError):
    """A plan that is not to be carried out, and why, in words that its author can mend it by."""


def check_room(size: Size) -> None:
    """Raise PlanError where a picture of this size, in pixels, would be too large to make."""
    if max(size) > MOST_EDGE or size[0] * size[1] > MOST_PIXELS:
        raise PlanError(
            f"it would make a picture of {size[0]}x{size[1]} pixels; at most {MOST_PIXELS} pixels and "
            f"{MOST_EDGE} pixels a side are possible."
        )


@dataclass(frozen=True, slots=True)
class Length:
    """A fraction of an edge, 0..1, or a number of pixels."""

    amount: float
    pixels: bool = False

    def of(self, edge: int) -> int:
        """The length in pixels along an edge of so many, never beyond it."""
        return min(edge, round(self.amount if self.pixels else self.amount * edge))

    def __str__(self) -> str:
        return f"{self.amount:g} px" if self.pixels else f"{self.amount * 100:.4g}%"


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle; each side is measured from the left or the top."""

    left: Length = Length(0.0)
    top: Length = Length(0.0)
    right: Length = Length(1.0)
    bottom: Length = Length(1.0)

    def box(self, size: Size) -> Box:
        """In pixels of a picture of that size. PlanError where nothing is in it."""
        width, height = size
        left, right = self.left.of(width), self.right.of(width)
        top, bottom = self.top.of(height), self.bottom.of(height)
        if left >= right or top >= bottom:
            raise PlanError(f"{self} holds no pixel of a picture of {width}x{height} pixels.")
        return left, top, right, bottom

    def __str__(self) -> str:
        across, down = f"{self.left} to {self.right} across", f"{self.top} to {self.bottom} down"
        return _NAMED.get(self) or f"the area from {across} and {down}"


WHOLE = Region()
_NAMED = {
    WHOLE: "the whole picture",
    Region(right=Length(0.5)): "the left half",
    Region(left=Length(0.5)): "the right half",
    Region(bottom=Length(0.5)): "the top half",
    Region(top=Length(0.5)): "the bottom half",
}


@dataclass(frozen=True, slots=True)
class Colour:
    """A colour by the name it was given."""

    name: str
    rgba: Rgba

    @property
    def clear(self) -> bool:
        """Whether it is no colour at all but transparency."""
        return self.rgba[3] == 0

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Target:
    """A size to scale to: both edges, one (the other follows), or a percentage of both."""

    width: int | None = None
    height: int | None = None
    factor: float = 0.0

    def size(self, of: Size) -> Size:
        """In pixels, for a picture of that size."""
        width, height = of
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
