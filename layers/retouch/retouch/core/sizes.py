"""Specifications of the `size` parameter, as data in a model's capabilities.

A model makes sizes from a list, sizes within a range, aspect ratios in resolution tiers, or only the size of the input.
The `planning` package decides what to do when a model does not make the requested size exactly.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import field
from typing import Any

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.geometry import Size
from retouch.core.parameters import EnumParam, raise_invalid_value

_SAME_SHAPE_DIFFERENCE = 0.001
_MAX_SIZE_DIFFERENCE = math.log(1.5)  # of the logarithms of two numbers of pixels
_SIZE_PATTERN = re.compile(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})", re.ASCII)


def parse_size(value: str) -> Size | None:
    """Return width and height of a text like "1024x1536", or None for any other text."""
    match = _SIZE_PATTERN.fullmatch(value)
    return (int(match[1]), int(match[2])) if match else None


@frozen_dataclass
class FixedSizes:
    """WIDTHxHEIGHT from a list. The list contains "auto" if the model supports it."""

    sizes: tuple[str, ...]

    def read(self, name: str, value: Any) -> str:
        """Return the size as text."""
        return EnumParam(self.sizes).read(name, value)

    def rule(self) -> str:
        """Return the rule in words."""
        return EnumParam(self.sizes).rule()

    def is_allowed(self, size: Size) -> bool:
        """Return whether the model makes exactly this size."""
        return f"{size[0]}x{size[1]}" in self.sizes

    def find_larger_size(self, size: Size) -> Size | None:
        """Return the smallest size of the same shape that is at least as large, or None."""
        parsed_sizes = [s for s in map(parse_size, self.sizes) if s]
        same_shape = [s for s in parsed_sizes if s[0] * size[1] == s[1] * size[0] and s >= size]
        return min(same_shape, default=None)


@frozen_dataclass
class SizeRange:
    """Any WIDTHxHEIGHT within limits, or auto. Edges and areas are in pixels."""

    edge_multiple: int
    max_edge: int
    min_pixels: int
    max_pixels: int
    max_aspect_ratio: int  # maximum of longer edge / shorter edge
    min_edge: int = 1

    def read(self, name: str, value: Any) -> str:
        """Return the size as text."""
        if not isinstance(value, str):
            raise_invalid_value(name, value, self, "invalid_type")
        size = parse_size(value)
        if value != "auto" and not (size and self.is_allowed(size)):
            raise_invalid_value(name, value, self)
        return str(value)

    def rule(self) -> str:
        """Return the rule in words."""
        steps = f"a multiple of {self.edge_multiple} and " if self.edge_multiple > 1 else ""
        ratio = (
            f", and the longer edge at most {self.max_aspect_ratio} times the shorter one"
            if self.max_aspect_ratio < self.max_edge
            else ""
        )
        return (
            f"auto, or WIDTHxHEIGHT: each edge {steps}from {self.min_edge} to {self.max_edge} pixels, "
            f"{self.min_pixels} to {self.max_pixels} pixels in total{ratio}"
        )

    def is_allowed(self, size: Size) -> bool:
        """Return whether the model makes exactly this size."""
        longer, shorter = max(size), min(size)
        return (
            not any(edge % self.edge_multiple for edge in size)
            and self.min_edge <= shorter
            and longer <= self.max_edge
            and longer <= shorter * self.max_aspect_ratio
            and self.min_pixels <= size[0] * size[1] <= self.max_pixels
        )

    def find_larger_size(self, size: Size) -> Size | None:
        """Return the smallest integer multiple of the size (up to 64 times) that the model makes, or None."""
        multiples = ((size[0] * k, size[1] * k) for k in range(1, 65))
        return next((m for m in multiples if self.is_allowed(m)), None)

    def find_size_of_shape(self, size: Size) -> Size | None:
        """Return the allowed size of the same shape whose number of pixels is nearest, or None.

        Shapes are the same if a result of one, scaled to the other, moves no content by more than a thousandth of the
        edge. A size with far more or fewer pixels is not returned.
        """
        if self.is_allowed(size):
            return size
        pixels = min(max(size[0] * size[1], self.min_pixels), self.max_pixels)
        candidates = (
            (width, self._nearest_edge(width * size[1] / size[0]))
            for width in self._widths_near(math.sqrt(pixels * size[0] / size[1]))
        )
        distances = {
            candidate: abs(math.log(candidate[0] * candidate[1] / pixels))
            for candidate in candidates
            if self.is_allowed(candidate)
            and aspect_difference(candidate, size) <= _SAME_SHAPE_DIFFERENCE
        }
        nearest = min(distances, key=lambda candidate: distances[candidate], default=None)
        return nearest if nearest and distances[nearest] <= _MAX_SIZE_DIFFERENCE else None

    def _widths_near(self, width: float) -> range:
        """Return the legal widths of all sizes whose number of pixels is near enough if `width` gives it exactly."""
        factor, step = (
            math.exp(_MAX_SIZE_DIFFERENCE / 2 + _SAME_SHAPE_DIFFERENCE),
            self.edge_multiple,
        )
        first = max(step, int(width / factor) // step * step)
        return range(first, min(self.max_edge, math.ceil(width * factor)) + 1, step)

    def _nearest_edge(self, edge: float) -> int:
        return max(1, round(edge / self.edge_multiple)) * self.edge_multiple


def read_size(name: str, value: Any, spec: AspectRatios | SameAsInput) -> str:
    """Return "auto" or WIDTHxHEIGHT of any shape. The `planning` package checks the shape later.

    Raises InvalidRequest for any other value.
    """
    if not isinstance(value, str):
        raise_invalid_value(name, value, spec, "invalid_type")
    if value != "auto" and parse_size(value) is None:
        raise_invalid_value(name, value, spec)
    return str(value)


@frozen_dataclass
class AspectRatios:
    """An aspect ratio from a list, in resolution tiers if the model has them.

    The gateway sends `aspect_ratio` ("3:2") and, with tiers, `resolution` ("2K"). It never sends `size`.
    """

    ratios: tuple[str, ...]
    # name -> edge of its square image, in pixels
    tiers: Mapping[str, int] = field(default_factory=dict)

    def read(self, name: str, value: Any) -> str:
        """Return the size as text."""
        return read_size(name, value, self)

    def rule(self) -> str:
        """Return the rule in words."""
        return "auto or WIDTHxHEIGHT in a shape of " + ", ".join(self.ratios)

    def nearest_ratio(self, size: Size) -> str:
        """Return the ratio that is closest to the shape of a size."""
        return min(self.ratios, key=lambda ratio: aspect_difference(parse_ratio(ratio), size))

    def smallest_tier(self, size: Size) -> str | None:
        """Return the smallest tier that is large enough for a size, else the largest tier, or None without tiers.

        A tier is large enough when its edge is at least 0.9 times the edge of a square with the size's area.
        """
        edge = math.sqrt(size[0] * size[1])
        fitting = [name for name, side in self.tiers.items() if side >= edge * 0.9]
        return next(iter(fitting or list(self.tiers)[-1:]), None)


@frozen_dataclass
class SameAsInput:
    """No size parameter: the result has the shape of the first image. The gateway scales it to another size."""

    edge_multiple: int = 1  # in pixels: the model crops each edge to a multiple of this

    def read(self, name: str, value: Any) -> str:
        """Return the size as text."""
        return read_size(name, value, self)

    def rule(self) -> str:
        """Return the rule in words."""
        return "auto or WIDTHxHEIGHT in the shape of the first image"


SizeSpec = FixedSizes | SizeRange | AspectRatios | SameAsInput


def parse_ratio(ratio: str) -> Size:
    """Return the two numbers of a ratio: (3, 2) for "3:2"."""
    width, _, height = ratio.partition(":")
    return int(width), int(height)


def aspect_difference(first: Size, second: Size) -> float:
    """Return how much two aspect ratios differ: 0 for equal ones, 0.1 for a difference of about a tenth."""
    return abs(math.log(first[0] * second[1] / (first[1] * second[0])))
