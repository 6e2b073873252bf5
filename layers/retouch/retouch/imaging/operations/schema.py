"""The forms that lengths, regions, colours, aspect ratios, sizes and text have in a step.

Each class is a ParameterSpec like those of the model capabilities. `read` returns the canonical value, or raises
InvalidRequest with the rule.
"""

from __future__ import annotations

import re
from typing import Any

from PIL import ImageColor

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.parameters import raise_invalid_value
from retouch.imaging.operations.values import Colour, Length, Region, TargetSize

_PIXELS = re.compile(r"([0-9]{1,5})px", re.ASCII)
_RATIO = re.compile(r"([1-9][0-9]{0,3}):([1-9][0-9]{0,3})", re.ASCII)
_TARGET_SIZE = re.compile(r"([1-9][0-9]{0,4})?x([1-9][0-9]{0,4})?", re.ASCII)
_PERCENT = re.compile(r"([1-9][0-9]{0,2})%", re.ASCII)
_HEX = re.compile(r"#[0-9a-fA-F]{6}", re.ASCII)
_GLYPHS = frozenset(map(chr, range(32, 127))) | frozenset("\n©«°±´·»‘’“”…‹›™")
_SIDES = ("left", "top", "right", "bottom")


@frozen_dataclass
class LengthParam:
    """A length, as a fraction or in pixels."""

    def read(self, name: str, value: Any) -> Length:
        """Return the length."""
        match = _PIXELS.fullmatch(value) if isinstance(value, str) else None
        if match:
            return Length(float(match[1]), in_pixels=True)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise_invalid_value(name, value, self)
        return Length(float(value))

    def rule(self) -> str:
        """Return the rule in words."""
        return 'a fraction from 0 to 1, or pixels as text like "120px"'


@frozen_dataclass
class RegionParam:
    """A rectangle. A side that is left out is the side of the image."""

    def read(self, name: str, value: Any) -> Region:
        """Return the region."""
        if not isinstance(value, dict) or not value.keys() <= set(_SIDES):
            raise_invalid_value(name, value, self)
        return Region(
            **{side: LengthParam().read(f"{name}.{side}", v) for side, v in value.items()}
        )

    def rule(self) -> str:
        """Return the rule in words."""
        return "an object with any of left, top, right and bottom, each " + LengthParam().rule()


@frozen_dataclass
class ColourParam:
    """A colour. `allow_transparent` says whether "transparent" is accepted."""

    allow_transparent: bool = False

    def read(self, name: str, value: Any) -> Colour:
        """Return the colour."""
        if self.allow_transparent and value == "transparent":
            return Colour("transparent", (0, 0, 0, 0))
        if not isinstance(value, str) or not (
            _HEX.fullmatch(value) or value in ImageColor.colormap
        ):
            raise_invalid_value(name, value, self)
        red, green, blue = ImageColor.getrgb(value)[:3]
        return Colour(value, (red, green, blue, 255))

    def rule(self) -> str:
        """Return the rule in words."""
        return "#rrggbb or a CSS colour name" + (
            " or transparent" if self.allow_transparent else ""
        )


@frozen_dataclass
class AspectRatioParam:
    """An aspect ratio as WIDTH:HEIGHT."""

    def read(self, name: str, value: Any) -> str:
        """Return the aspect ratio as text, e.g. "3:2"."""
        if not isinstance(value, str) or not _RATIO.fullmatch(value):
            raise_invalid_value(name, value, self)
        return str(value)

    def rule(self) -> str:
        """Return the rule in words."""
        return 'WIDTH:HEIGHT, like "3:2"'


@frozen_dataclass
class TargetSizeParam:
    """A size to scale to."""

    def read(self, name: str, value: Any) -> TargetSize:
        """Return the size."""
        text = value if isinstance(value, str) else ""
        if percent := _PERCENT.fullmatch(text):
            return TargetSize(factor=int(percent[1]) / 100)
        match = _TARGET_SIZE.fullmatch(text)
        if not match or text == "x":
            raise_invalid_value(name, value, self)
        width, height = (int(edge) if edge else None for edge in match.groups())
        return TargetSize(width, height)

    def rule(self) -> str:
        """Return the rule in words."""
        return 'a percentage like "50%", or pixels like "800x600", "800x" or "x600" (the other edge follows)'


@frozen_dataclass
class TextParam:
    """Text in characters that the bundled font has."""

    max_length: int

    def read(self, name: str, value: Any) -> str:
        """Return the text."""
        if not isinstance(value, str) or not value.strip() or len(value) > self.max_length:
            raise_invalid_value(name, value, self)
        unknown = "".join(sorted(set(value) - _GLYPHS))
        if unknown:
            raise_invalid_value(name, unknown, self)
        return str(value)

    def rule(self) -> str:
        """Return the rule in words."""
        return (
            f"1 to {self.max_length} characters and line breaks, in ASCII (the font has no other letters; refuse "
            "rather than replace them)"
        )
