"""What a parameter may be, as data on a model's card.

A card maps each parameter it takes to one of these. `read` turns what the caller sent into the canonical
value or refuses it, naming the value, the rule and the remedy. Form text has no type, so `Text` is parsed;
a JSON value came typed and must have the right type.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn, Protocol

from retouch.errors import InvalidRequest
from retouch.messages import Size, Text

_WHOLE = re.compile(r"-?[0-9]{1,9}", re.ASCII)
_REAL = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,9})?", re.ASCII)
_SIZE = re.compile(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})", re.ASCII)
_LONGEST_ECHO = 64


class Spec(Protocol):
    """The one thing a card knows about a parameter."""

    def read(self, name: str, value: Any) -> Any:
        """The canonical value; InvalidRequest when the rule is broken."""

    def rule(self) -> str:
        """The rule in words, for errors and the documentation."""


def shown(value: object) -> str:
    """A value as it may be echoed in an error: short, on one line."""
    text = value if isinstance(value, str) else repr(value)
    text = "".join(c if c.isprintable() else "\ufffd" for c in text)
    return f"'{text[:_LONGEST_ECHO]}...'" if len(text) > _LONGEST_ECHO else f"'{text}'"


def refuse(name: str, value: object, spec: Spec, code: str = "invalid_value") -> NoReturn:
    """The one sentence for every broken rule."""
    raise InvalidRequest(
        f"Invalid value {shown(value)} for '{name}': it must be {spec.rule()}.",
        param=name,
        code=code,
    )


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words. `renames` maps words that clients still send to today's."""

    values: tuple[str, ...]
    renames: Mapping[str, str] = field(default_factory=dict)

    def read(self, name: str, value: Any) -> str:
        """The word itself or its modern name."""
        if not isinstance(value, str):
            refuse(name, value, self, "invalid_type")
        word = self.renames.get(value, str(value))
        if word not in self.values:
            refuse(name, value, self)
        return word

    def rule(self) -> str:
        """E.g. "one of low, high"."""
        return "one of " + ", ".join(self.values) if len(self.values) > 1 else self.values[0]


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number in a closed range."""

    low: int
    high: int

    def read(self, name: str, value: Any) -> int:
        """The number."""
        if isinstance(value, Text) and _WHOLE.fullmatch(value):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            refuse(name, value, self, "invalid_type")
        if not self.low <= value <= self.high:
            refuse(name, value, self)
        return value

    def rule(self) -> str:
        """E.g. "a whole number from 1 to 10"."""
        return f"a whole number from {self.low} to {self.high}"


@dataclass(frozen=True, slots=True)
class Real:
    """A number in a closed range."""

    low: float
    high: float

    def read(self, name: str, value: Any) -> float:
        """The number."""
        if isinstance(value, Text) and _REAL.fullmatch(value):
            value = float(value)
        if not isinstance(value, int | float) or isinstance(value, bool):
            refuse(name, value, self, "invalid_type")
        if not self.low <= value <= self.high:
            refuse(name, value, self)
        return float(value)

    def rule(self) -> str:
        """E.g. "a number from 0 to 1"."""
        return f"a number from {self.low:g} to {self.high:g}"


@dataclass(frozen=True, slots=True)
class Flag:
    """true or false."""

    def read(self, name: str, value: Any) -> bool:
        """The truth value; form text must be the lower-case word."""
        if isinstance(value, Text) and value in ("true", "false"):
            return value == "true"
        if not isinstance(value, bool):
            refuse(name, value, self, "invalid_type")
        return value

    def rule(self) -> str:
        """The rule in words."""
        return "true or false"


@dataclass(frozen=True, slots=True)
class Words:
    """Free text up to a length in characters."""

    longest: int

    def read(self, name: str, value: Any) -> str:
        """The text."""
        if not isinstance(value, str):
            refuse(name, value, self, "invalid_type")
        if len(value) > self.longest:
            refuse(name, f"{len(value)} characters", self)
        return str(value)

    def rule(self) -> str:
        """E.g. "text of at most 512 characters"."""
        return f"text of at most {self.longest} characters"


@dataclass(frozen=True, slots=True)
class Unsent:
    """Accepted because it asks for nothing more than what happens anyway; reported, never sent."""

    inner: Spec
    reason: str

    def read(self, name: str, value: Any) -> Any:
        """The inner spec's value."""
        return self.inner.read(name, value)

    def rule(self) -> str:
        """The inner spec's rule."""
        return self.inner.rule()


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


SizeSpec = FixedSizes | FreeSize
