"""Specifications of parameters: the allowed values, as data in a model's capabilities.

A model's capabilities map each accepted parameter to one of these. `read` turns the caller's value into the canonical
value, or raises an error that names the value and the rule. Form text has no type, so `FormText` is parsed. A JSON
value has a type and must have the right one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from typing import Any, NoReturn, Protocol

from retouch.core.edit_types import FormText
from retouch.core.errors import InvalidRequest
from retouch.core.frozen_dataclass import frozen_dataclass

_INTEGER = re.compile(r"-?[0-9]{1,10}", re.ASCII)
_DECIMAL = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,9})?", re.ASCII)
_MAX_ECHO_CHARS = 64
# The parameters that the gateway itself reads, for every model.
GATEWAY_PARAMS = (
    *("prompt", "model", "n", "stream", "response_format", "preserve", "fit", "dry_run"),
    *("mask_mode", "mask_grow", "mask_feather", "allow_full_mask"),
)
# The spellings of booleans in forms and headers: of Python, of JSON and of HTML forms.
TRUE_WORDS = ("true", "1", "yes", "on")
FALSE_WORDS = ("false", "0", "no", "off")


class ParameterSpec(Protocol):
    """The specification of one parameter."""

    def read(self, name: str, value: Any) -> Any:
        """Return the canonical value. Raises InvalidRequest when the value breaks the rule."""

    def rule(self) -> str:
        """Return the rule in words, for errors and the documentation."""


def quote_value(value: object) -> str:
    """Return a value in quotes for an error message: on one line, cut after 64 characters.

    Characters that are not printable become U+FFFD.
    """
    text = value if isinstance(value, str) else repr(value)
    text = "".join(c if c.isprintable() else "\ufffd" for c in text)
    return f"'{text[:_MAX_ECHO_CHARS]}...'" if len(text) > _MAX_ECHO_CHARS else f"'{text}'"


def raise_invalid_value(
    name: str, value: object, spec: ParameterSpec, code: str = "invalid_value"
) -> NoReturn:
    """Raise the InvalidRequest for a value that breaks its rule. All specifications use this message."""
    is_quoted = code == "invalid_type" and _is_quoted(value, spec)
    hint = " Send it without quotes." if is_quoted else ""
    raise InvalidRequest(
        f"Invalid value {quote_value(value)} for '{name}': it must be {spec.rule()}.{hint}",
        param=name,
        code=code,
    )


def _is_quoted(value: object, spec: ParameterSpec) -> bool:
    """Return whether a JSON text would be valid as form text, which has no type."""
    if not isinstance(value, str) or isinstance(value, FormText):
        return False
    try:
        spec.read("", FormText(value))
    except InvalidRequest:
        return False
    return True


@frozen_dataclass
class EnumParam:
    """One of a fixed set of words. `aliases` maps outdated words, which clients still send, to current words."""

    values: tuple[str, ...]
    aliases: Mapping[str, str] = field(default_factory=dict)

    def read(self, name: str, value: Any) -> str:
        """Return the word, or the current word for an outdated one."""
        if not isinstance(value, str):
            raise_invalid_value(name, value, self, "invalid_type")
        word = self.aliases.get(value, str(value))
        if word not in self.values:
            raise_invalid_value(name, value, self)
        return word

    def rule(self) -> str:
        """Return the rule, e.g. "one of low, high"."""
        return "one of " + ", ".join(self.values) if len(self.values) > 1 else self.values[0]


@frozen_dataclass
class IntParam:
    """A whole number in a closed range."""

    minimum: int
    maximum: int

    def read(self, name: str, value: Any) -> int:
        """Return the whole number. JSON does not distinguish 2.0 from 2."""
        is_digits = isinstance(value, FormText) and _INTEGER.fullmatch(value)
        if is_digits or (isinstance(value, float) and value.is_integer()):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise_invalid_value(name, value, self, "invalid_type")
        if not self.minimum <= value <= self.maximum:
            raise_invalid_value(name, value, self)
        return value

    def rule(self) -> str:
        """Return the rule, e.g. "a whole number from 1 to 10"."""
        return f"a whole number from {self.minimum} to {self.maximum}"


@frozen_dataclass
class FloatParam:
    """A number in a closed range."""

    minimum: float
    maximum: float

    def read(self, name: str, value: Any) -> float:
        """Return the number."""
        if isinstance(value, FormText) and _DECIMAL.fullmatch(value):
            value = float(value)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise_invalid_value(name, value, self, "invalid_type")
        if not self.minimum <= value <= self.maximum:
            raise_invalid_value(name, value, self)
        return float(value)

    def rule(self) -> str:
        """Return the rule, e.g. "a number from 0 to 1"."""
        return f"a number from {self.minimum:g} to {self.maximum:g}"


@frozen_dataclass
class BoolParam:
    """The value true or false."""

    def read(self, name: str, value: Any) -> bool:
        """Return the boolean, also for text that spells one, as form fields do and some JSON clients."""
        if isinstance(value, str) and value.lower() in TRUE_WORDS + FALSE_WORDS:
            return value.lower() in TRUE_WORDS
        if not isinstance(value, bool):
            raise_invalid_value(name, value, self, "invalid_type")
        return value

    def rule(self) -> str:
        """Return the rule in words."""
        return "true or false"


@frozen_dataclass
class StringParam:
    """Free text up to a maximum length in characters."""

    max_length: int

    def read(self, name: str, value: Any) -> str:
        """Return the text."""
        if not isinstance(value, str):
            raise_invalid_value(name, value, self, "invalid_type")
        if len(value) > self.max_length:
            raise_invalid_value(name, f"{len(value)} characters", self)
        return str(value)

    def rule(self) -> str:
        """Return the rule, e.g. "text of at most 512 characters"."""
        return f"text of at most {self.max_length} characters"


@frozen_dataclass
class NotForwarded:
    """A parameter that the gateway accepts and reports in a note, but never sends.

    Either the provider does what the allowed values request without it, or it has no such field. `reason` is the text
    of the note.
    """

    inner: ParameterSpec
    reason: str

    def read(self, name: str, value: Any) -> Any:
        """Return the value as the inner specification reads it."""
        return self.inner.read(name, value)

    def rule(self) -> str:
        """Return the rule of the inner specification."""
        return self.inner.rule()


UNSENT_USER = NotForwarded(StringParam(512), "there is no field for it, so it was not sent")
