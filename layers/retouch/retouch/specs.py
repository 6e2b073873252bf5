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
from retouch.messages import Text

_WHOLE = re.compile(r"-?[0-9]{1,10}", re.ASCII)
_REAL = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,9})?", re.ASCII)
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
