"""Reads one JSON object key by key, and refuses what has the wrong type or was never asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, overload

from orjson import dumps

from retouch.routing.problems import InvalidConfig
from retouch.wire.caller import is_placeholder, unfit
from retouch.wire.portkey import ABSENT


class Reader:
    """An object of a config and where it stands in it."""

    def __init__(self, path: str, found: Any) -> None:
        if not isinstance(found, Mapping):
            raise InvalidConfig(path, "must be an object")
        self.path = path
        self._found = found
        self._asked: set[str] = set()

    def raw(self, name: str) -> Any:
        """The value as it is; None where there is none."""
        self._asked.add(name)
        return self._found.get(name)

    def text(self, name: str) -> str | None:
        """A string that is not empty."""
        value = self.raw(name)
        if value in (None, ""):
            return None
        if not isinstance(value, str):
            raise self._wrong(name, "must be text")
        return value

    def key(self, name: str) -> str | None:
        """A provider's key; None for an SDK's placeholder. No error repeats it."""
        text = (self.text(name) or "").strip()
        return None if is_placeholder(text) else self._fit(name, text)

    def texts(self, name: str) -> list[str]:
        """A list of strings."""
        value = [] if self.raw(name) is None else self.raw(name)
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise self._wrong(name, "must be a list of texts")
        return value

    def word(self, name: str, words: tuple[str, ...], absent: str) -> str:
        """One of a few words."""
        value = self.raw(name)
        if value is None:
            return absent
        if value not in words:
            raise self._wrong(name, "must be one of " + ", ".join(words))
        return str(value)

    def flag(self, name: str) -> bool:
        """true or false; false where there is none."""
        value = self.raw(name)
        if value is not None and not isinstance(value, bool):
            raise self._wrong(name, "must be true or false")
        return bool(value)

    @overload
    def number(self, name: str, absent: float, low: float, high: float) -> float: ...
    @overload
    def number(self, name: str, absent: None, low: float, high: float) -> float | None: ...
    def number(self, name: str, absent: float | None, low: float, high: float) -> float | None:
        """A number in a closed range."""
        value = self.raw(name)
        if value is None:
            return absent
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._wrong(name, "must be a number")
        if not low <= value <= high:
            raise self._wrong(name, f"must be from {low:g} to {high:g}")
        return float(value)

    def whole(self, name: str, absent: int, low: int, high: int) -> int:
        """A whole number in a closed range; `absent`, which may lie outside, where there is none."""
        value = self.number(name, float(absent), min(low, absent), high)
        if value != int(value) or (self.raw(name) is not None and value < low):
            raise self._wrong(name, f"must be a whole number from {low} to {high}")
        return int(value)

    def setting(self, name: str) -> str | None:
        """Text, or an object or list as JSON, as a header would have it; None for an SDK's placeholder."""
        value = self.raw(name)
        text = value.strip() if isinstance(value, str) else dumps(value).decode()
        return None if text.lower() in ABSENT else self._fit(name, text)

    def names(self, prefixes: tuple[str, ...]) -> list[str]:
        """The keys that begin so."""
        return [name for name in self._found if name.startswith(prefixes)]

    def codes(self, name: str) -> tuple[int, ...] | None:
        """A list of HTTP status codes."""
        value = self.raw(name)
        if value is None:
            return None
        whole = isinstance(value, list) and all(type(one) is int for one in value)
        if not whole or not all(100 <= one <= 599 for one in value):
            raise self._wrong(name, "must be a list of status codes")
        return tuple(value)

    def mapping(self, name: str) -> Mapping[str, Any] | None:
        """An object, as it is."""
        value = self.raw(name)
        if value is not None and not isinstance(value, Mapping):
            raise self._wrong(name, "must be an object")
        return value

    def object(self, name: str) -> Reader | None:
        """An object, to be read on."""
        value = self.raw(name)
        return None if value is None else Reader(f"{self.path}.{name}", value)

    def objects(self, name: str, most: int) -> list[Reader]:
        """A list of at most so many objects, to be read on."""
        value = [] if self.raw(name) is None else self.raw(name)
        if not isinstance(value, list):
            raise self._wrong(name, "must be a list")
        if len(value) > most:
            raise self._wrong(name, f"has more than {most} entries")
        return [Reader(f"{self.path}.{name}[{i}]", one) for i, one in enumerate(value)]

    def finish(self, also: frozenset[str] = frozenset()) -> None:
        """Refuse by name whatever nobody asked for."""
        for name in self._found:
            if name not in self._asked and name not in also:
                raise self._wrong(
                    str(name)[:64], "is not known here; leave it out or mend its spelling"
                )

    def _fit(self, name: str, text: str) -> str:
        rule = unfit(text)
        if rule:
            raise self._wrong(name, rule)
        return text

    def _wrong(self, name: str, rule: str) -> InvalidConfig:
        return InvalidConfig(f"{self.path}.{name}", rule)
