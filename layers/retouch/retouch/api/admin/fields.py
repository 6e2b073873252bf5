"""Reads the JSON body of an admin request field by field. Errors name the field, its rule and the remedy."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from retouch.core.errors import InvalidRequest
from retouch.core.parameters import quote_value
from retouch.tenants.limits import MILLIONTHS

_MAX_USD = 1_000_000_000
_MAX_TEXT_CHARS = 1024
_MAX_TIME = 10**11  # the year 5138: a day before or after it is a date too
_MAX_ITEMS = 200


class FieldReader:
    """An object of the body. A field that is null counts as absent, but `has` tells it from one that is left out."""

    def __init__(self, values: Mapping[str, Any], path: str = "") -> None:
        self._values, self._path = values, path
        self._read_names: set[str] = set()

    def has(self, name: str) -> bool:
        """Return whether the object names the field."""
        return name in self._values

    def raw(self, name: str) -> Any:
        """Return the value as it is, or None."""
        self._read_names.add(name)
        return self._values.get(name)

    def text(self, name: str, max_chars: int = _MAX_TEXT_CHARS) -> str:
        """Return a text, or an empty one."""
        value = self.raw(name)
        if value is None:
            return ""
        if not isinstance(value, str) or len(value) > max_chars or not value.isprintable():
            raise self.error(name, f"must be a string of at most {max_chars} printable characters")
        return value.strip()

    def required_text(self, name: str, max_chars: int = _MAX_TEXT_CHARS) -> str:
        """Return a text that is not empty."""
        text = self.text(name, max_chars)
        if not text:
            raise self.error(name, "is required")
        return text

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        """Return one of these texts, or an empty one."""
        value = self.raw(name)
        if value is not None and value not in choices:
            raise self.error(name, f"must be {' or '.join(choices)}")
        return value or ""

    def flag(self, name: str) -> bool:
        """Return a boolean. Portkey also writes 0 and 1."""
        value = self.raw(name)
        if value not in (None, True, False, 0, 1):
            raise self.error(name, "must be true or false")
        return bool(value)

    def integer(self, name: str, minimum: int, maximum: int) -> int | None:
        """Return a whole number in this range, or None."""
        value = self.raw(name)
        is_whole = type(value) is int or (isinstance(value, float) and value.is_integer())
        if value is None or (is_whole and minimum <= value <= maximum):
            return None if value is None else int(value)
        raise self.error(name, f"must be a whole number from {minimum} to {maximum}")

    def millionths(self, name: str, maximum: int = _MAX_USD) -> int | None:
        """Return a number that is not negative in millionths, such as an amount of dollars in micro-dollars."""
        value = self.raw(name)
        if value is None:
            return None
        try:
            number = Decimal(str(value)) if type(value) in (int, float) else Decimal("NaN")
        except InvalidOperation:
            number = Decimal("NaN")
        if not number.is_finite() or not 0 <= number <= maximum:
            raise self.error(name, f"must be a number from 0 to {maximum}")
        scaled = number * MILLIONTHS
        if scaled != scaled.to_integral_value():
            raise self.error(name, "must have at most six decimal places")
        return int(scaled)

    def time(self, name: str) -> int | None:
        """Return a UNIX time, from an ISO 8601 text or a number of seconds, or None."""
        value = self.raw(name)
        if value is None:
            return None
        try:
            if isinstance(value, str):
                moment = datetime.fromisoformat(value)
                value = int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
            if type(value) is int and 0 < value < _MAX_TIME:
                return value
        except ValueError:
            pass
        raise self.error(name, "must be a time such as 2027-01-31T00:00:00Z")

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts."""
        value = self.raw(name)
        is_list = isinstance(value, list) and len(value) <= _MAX_ITEMS
        if value is None or (is_list and all(isinstance(text, str) for text in value)):
            return tuple(value or ())
        raise self.error(name, f"must be a list of at most {_MAX_ITEMS} strings")

    def text_map(self, name: str) -> dict[str, str]:
        """Return an object of texts."""
        value = self.raw(name)
        if value is None:
            return {}
        texts = list(value.values()) if isinstance(value, Mapping) else [None]
        if len(texts) <= _MAX_ITEMS and all(
            isinstance(text, str) and len(text) <= _MAX_TEXT_CHARS for text in texts
        ):
            return dict(value)
        raise self.error(name, "must be an object of strings")

    def child(self, name: str) -> FieldReader | None:
        """Return a reader of a nested object, or None."""
        children = self.children(name)
        if len(children) > 1:
            raise self.error(name, "must be an object")
        return children[0] if children else None

    def children(self, name: str) -> list[FieldReader]:
        """Return readers of the objects in a list. A single object counts as a list of one."""
        value = self.raw(name)
        items = [value] if isinstance(value, Mapping) else [] if value is None else value
        if not isinstance(items, list) or not all(isinstance(item, Mapping) for item in items):
            raise self.error(name, "must be a list of objects")
        if len(items) > _MAX_ITEMS:
            raise self.error(name, f"has more than {_MAX_ITEMS} items")
        path = self._full_name(name)
        return [FieldReader(item, path) for item in items if item]

    def reject_unknown(self, *ignored: str) -> None:
        """Raise InvalidRequest for a field that nothing has read."""
        for name in self._values.keys() - self._read_names - {*ignored}:
            raise InvalidRequest(
                f"Unknown parameter: {quote_value(self._full_name(name))}. Leave it out or correct its spelling.",
                param=name[:64],
                code="unknown_parameter",
            )

    def error(self, name: str, rule: str) -> InvalidRequest:
        """Return the error for a field that breaks a rule."""
        full_name = self._full_name(name)
        return InvalidRequest(f"'{full_name}' {rule}.", param=full_name)

    def _full_name(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name
