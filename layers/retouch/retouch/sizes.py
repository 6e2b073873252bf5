"""What `size` may be, as data on a model's card: a list, a range, a shape in tiers, or the picture's own.

Only the plan knows what to do where a model does not make exactly what was asked for.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from retouch.messages import Size
from retouch.specs import Choice, refuse

_SIZE = re.compile(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})", re.ASCII)


def parse_size(value: str) -> Size | None:
    """ "1024x1536" -> (1024, 1536); None for anything else."""
    found = _SIZE.fullmatch(value)
    return (int(found[1]), int(found[2])) if found else None


@dataclass(frozen=True, slots=True)
class FixedSizes:
    """WIDTHxHEIGHT out of a list, and auto where the model has it."""

    sizes: tuple[str, ...]

    def read(self, name: str, value: Any) -> str:
        """The size as text."""
        return Choice(self.sizes).read(name, value)

    def rule(self) -> str:
        """The rule in words."""
        return Choice(self.sizes).rule()

    def allows(self, size: Size) -> bool:
        """Whether the model makes exactly this."""
        return f"{size[0]}x{size[1]}" in self.sizes

    def larger(self, size: Size) -> Size | None:
        """The smallest size of the same shape that is at least as large, if there is one."""
        made = [s for s in map(parse_size, self.sizes) if s]
        same = [s for s in made if s[0] * size[1] == s[1] * size[0] and s >= size]
        return min(same, default=None)


@dataclass(frozen=True, slots=True)
class FreeSize:
    """Any WIDTHxHEIGHT within limits, or auto."""

    step: int
    longest_edge: int
    least_pixels: int
    most_pixels: int
    widest: int  # most of the longer edge over the shorter

    def read(self, name: str, value: Any) -> str:
        """The size as text."""
        if not isinstance(value, str):
            refuse(name, value, self, "invalid_type")
        size = parse_size(value)
        if value != "auto" and not (size and self.allows(size)):
            refuse(name, value, self)
        return str(value)

    def rule(self) -> str:
        """The rule in words."""
        return (
            f"auto or WIDTHxHEIGHT with edges in steps of {self.step} up to {self.longest_edge}, "
            f"{self.least_pixels} to {self.most_pixels} pixels, at most {self.widest}:1"
        )

    def allows(self, size: Size) -> bool:
        """Whether the model makes exactly this."""
        long, short = max(size), min(size)
        return (
            not any(edge % self.step for edge in size)
            and long <= self.longest_edge
            and long <= short * self.widest
            and self.least_pixels <= size[0] * size[1] <= self.most_pixels
        )

    def larger(self, size: Size) -> Size | None:
        """The smallest whole multiple of the size that the model makes, if there is one."""
        multiples = ((size[0] * k, size[1] * k) for k in range(1, 65))
        return next((m for m in multiples if self.allows(m)), None)


def read_size(name: str, value: Any, spec: Ratios | AsInput) -> str:
    """ "auto" or WIDTHxHEIGHT, whatever shape; what a model makes of it is the plan's question."""
    if not isinstance(value, str):
        refuse(name, value, spec, "invalid_type")
    if value != "auto" and parse_size(value) is None:
        refuse(name, value, spec)
    return str(value)


@dataclass(frozen=True, slots=True)
class Ratios:
    """A shape out of a list, in tiers of resolution where the model has them.

    What is sent is `aspect_ratio` ("3:2") and, with tiers, `resolution` ("2K"), never `size`.
    """

    ratios: tuple[str, ...]
    tiers: Mapping[str, int] = field(default_factory=dict)  # name -> edge of its square, in pixels

    def read(self, name: str, value: Any) -> str:
        """The size as text."""
        return read_size(name, value, self)

    def rule(self) -> str:
        """The rule in words."""
        return "auto or WIDTHxHEIGHT in a shape of " + ", ".join(self.ratios)

    def nearest(self, size: Size) -> str:
        """The ratio closest to a size's shape."""
        return min(self.ratios, key=lambda ratio: apart(shape(ratio), size))

    def tier(self, size: Size) -> str | None:
        """The smallest tier with as many pixels (a tenth less will do), else the largest; None without tiers."""
        edge = math.sqrt(size[0] * size[1])
        fitting = [name for name, side in self.tiers.items() if side >= edge * 0.9]
        return next(iter(fitting or list(self.tiers)[-1:]), None)


@dataclass(frozen=True, slots=True)
class AsInput:
    """The model answers in the first picture's shape and takes no size; another is made here, by scaling."""

    step: int = 1  # it works in edges of whole steps, in pixels, and cuts off what is over

    def read(self, name: str, value: Any) -> str:
        """The size as text."""
        return read_size(name, value, self)

    def rule(self) -> str:
        """The rule in words."""
        return "auto or WIDTHxHEIGHT in the shape of the first picture"


SizeSpec = FixedSizes | FreeSize | Ratios | AsInput


def shape(ratio: str) -> Size:
    """ "3:2" -> (3, 2)."""
    width, _, height = ratio.partition(":")
    return int(width), int(height)


def apart(one: Size, other: Size) -> float:
    """How much two shapes differ: 0 is the same, 0.1 about a tenth."""
    return abs(math.log(one[0] * other[1] / (one[1] * other[0])))
