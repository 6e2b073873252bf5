"""How lengths, regions, colours, shapes, sizes and writing are written in a step.

Each is a Spec like those of the cards: `read` gives the canonical value or raises InvalidRequest with the rule.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from PIL import ImageColor

from retouch.operations.values import Colour, Length, Region, Target
from retouch.specs import refuse

_PIXELS = re.compile(r"([0-9]{1,5})px", re.ASCII)
_SHAPE = re.compile(r"([1-9][0-9]{0,3}):([1-9][0-9]{0,3})", re.ASCII)
_TARGET = re.compile(r"([1-9][0-9]{0,4})?x([1-9][0-9]{0,4})?", re.ASCII)
_PERCENT = re.compile(r"([1-9][0-9]{0,2})%", re.ASCII)
_HEX = re.compile(r"#[0-9a-fA-F]{6}", re.ASCII)
_GLYPHS = frozenset(map(chr, range(32, 127))) | frozenset("\n©«°±´·»‘’“”…‹›™")
_SIDES = ("left", "top", "right", "bottom")


@dataclass(frozen=True, slots=True)
class LengthSpec:
    """A length."""

    def read(self, name: str, value: Any) -> Length:
        """The length."""
        found = _PIXELS.fullmatch(value) if isinstance(value, str) else None
        if found:
            return Length(float(found[1]), pixels=True)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            refuse(name, value, self)
        return Length(float(value))

    def rule(self) -> str:
        """The rule in words."""
        return 'a fraction from 0 to 1, or pixels as text like "120px"'


@dataclass(frozen=True, slots=True)
class RegionSpec:
    """A rectangle; sides that are left out are the picture's own."""

    def read(self, name: str, value: Any) -> Region:
        """The region."""
        if not isinstance(value, dict) or not value.keys() <= set(_SIDES):
            refuse(name, value, self)
        return Region(**{side: LengthSpec().read(f"{name}.{side}", v) for side, v in value.items()})

    def rule(self) -> str:
        """The rule in words."""
        return "an object with any of left, top, right and bottom, each " + LengthSpec().rule()


@dataclass(frozen=True, slots=True)
class ColourSpec:
    """A colour; `clear` where "transparent" is one."""

    clear: bool = False

    def read(self, name: str, value: Any) -> Colour:
        """The colour."""
        if self.clear and value == "transparent":
            return Colour("transparent", (0, 0, 0, 0))
        if not isinstance(value, str) or not (
            _HEX.fullmatch(value) or value in ImageColor.colormap
        ):
            refuse(name, value, self)
        red, green, blue = ImageColor.getrgb(value)[:3]
        return Colour(value, (red, green, blue, 255))

    def rule(self) -> str:
        """The rule in words."""
        return "#rrggbb or a CSS colour name" + (" or transparent" if self.clear else "")


@dataclass(frozen=True, slots=True)
class ShapeSpec:
    """A shape as WIDTH:HEIGHT."""

    def read(self, name: str, value: Any) -> str:
        """The shape as text, e.g. "3:2"."""
        if not isinstance(value, str) or not _SHAPE.fullmatch(value):
            refuse(name, value, self)
        return str(value)

    def rule(self) -> str:
        """The rule in words."""
        return 'WIDTH:HEIGHT, like "3:2"'


@dataclass(frozen=True, slots=True)
class TargetSpec:
    """A size to scale to."""

    def read(self, name: str, value: Any) -> Target:
        """The size."""
        text = value if isinstance(value, str) else ""
        if percent := _PERCENT.fullmatch(text):
            return Target(factor=int(percent[1]) / 100)
        found = _TARGET.fullmatch(text)
        if not found or text == "x":
            refuse(name, value, self)
        width, height = (int(edge) if edge else None for edge in found.groups())
        return Target(width, height)

    def rule(self) -> str:
        """The rule in words."""
        return 'a percentage like "50%", or pixels like "800x600", "800x" or "x600" (the other edge follows)'


@dataclass(frozen=True, slots=True)
class WritingSpec:
    """Text that the bundled font can write."""

    longest: int

    def read(self, name: str, value: Any) -> str:
        """The text."""
        if not isinstance(value, str) or not value.strip() or len(value) > self.longest:
            refuse(name, value, self)
        unknown = "".join(sorted(set(value) - _GLYPHS))
        if unknown:
            refuse(name, unknown, self)
        return str(value)

    def rule(self) -> str:
        """The rule in words."""
        return (
            f"1 to {self.longest} characters and line breaks, in ASCII (the font has no other letters; refuse "
            "rather than replace them)"
        )
