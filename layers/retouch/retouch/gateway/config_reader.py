"""Reads a JSON object of a config key by key, and reports errors in Portkey's wording."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, overload

from orjson import dumps

from retouch.core.credentials.client_credentials import is_placeholder, key_problem
from retouch.core.errors import InvalidRequest
from retouch.core.portkey_types import ABSENT_VALUES


class InvalidConfig(InvalidRequest):
    """A config that breaks a rule. `path` is the position of the invalid part."""

    code = "invalid_config"

    def __init__(self, path: str, rule: str) -> None:
        super().__init__(f"Invalid config passed: {path} {rule}.", param="x-portkey-config")
        self.path, self.rule = path, rule


class ConfigReader:
    """An object of a config, with its path in the config."""

    def __init__(self, path: str, values: Any) -> None:
        if not isinstance(values, Mapping):
            raise InvalidConfig(path, "must be an object")
        self.path = path
        self._values = values
        self._read_names: set[str] = set()

    def raw_value(self, name: str) -> Any:
        """Return the value unchanged, or None when it is absent."""
        self._read_names.add(name)
        return self._values.get(name)

    def text(self, name: str) -> str | None:
        """Return a string that is not empty, or None."""
        value = self.raw_value(name)
        if value in (None, ""):
            return None
        if not isinstance(value, str):
            raise self._config_error(name, "must be a string")
        return value

    def key(self, name: str) -> str | None:
        """Return a provider's key, or None for an SDK's placeholder. Error messages never repeat the key."""
        text = (self.text(name) or "").strip()
        return None if is_placeholder(text) else self._check_header_value(name, text)

    def text_list(self, name: str) -> list[str]:
        """Return a list of strings."""
        value = [] if self.raw_value(name) is None else self.raw_value(name)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self._config_error(name, "must be a list of strings")
        return value

    def choice(self, name: str, choices: tuple[str, ...], default: str) -> str:
        """Return one of the allowed strings."""
        value = self.raw_value(name)
        if value is None:
            return default
        if value not in choices:
            raise self._config_error(name, "must be one of " + ", ".join(choices))
        return str(value)

    def flag(self, name: str) -> bool:
        """Return a boolean; false when it is absent."""
        value = self.raw_value(name)
        if value is not None and not isinstance(value, bool):
            raise self._config_error(name, "must be true or false")
        return bool(value)

    @overload
    def number(self, name: str, default: float, low: float, high: float) -> float: ...
    @overload
    def number(self, name: str, default: None, low: float, high: float) -> float | None: ...
    def number(self, name: str, default: float | None, low: float, high: float) -> float | None:
        """Return a number in a closed range."""
        value = self.raw_value(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._config_error(name, "must be a number")
        if not low <= value <= high:
            raise self._config_error(name, f"must be from {low:g} to {high:g}")
        return float(value)

    def integer(self, name: str, default: int, low: int, high: int) -> int:
        """Return an integer in a closed range. The default, for an absent value, may be outside the range."""
        value = self.number(name, float(default), min(low, default), high)
        if value != int(value) or (self.raw_value(name) is not None and value < low):
            raise self._config_error(name, f"must be a whole number from {low} to {high}")
        return int(value)

    def option_value(self, name: str) -> str | None:
        """Return the value as header text, or None for an SDK's placeholder.

        Objects and lists become JSON.
        """
        value = self.raw_value(name)
        text = value.strip() if isinstance(value, str) else dumps(value).decode()
        return None if text.lower() in ABSENT_VALUES else self._check_header_value(name, text)

    def keys_with_prefix(self, prefixes: tuple[str, ...]) -> list[str]:
        """Return the keys that begin with one of the prefixes."""
        return [name for name in self._values if name.startswith(prefixes)]

    def status_codes(self, name: str) -> tuple[int, ...] | None:
        """Return a list of HTTP status codes, or None."""
        value = self.raw_value(name)
        if value is None:
            return None
        is_int_list = isinstance(value, list) and all(type(code) is int for code in value)
        if not is_int_list or not all(100 <= code <= 599 for code in value):
            raise self._config_error(name, "must be a list of status codes")
        return tuple(value)

    def mapping(self, name: str) -> Mapping[str, Any] | None:
        """Return an object unchanged, or None."""
        value = self.raw_value(name)
        if value is not None and not isinstance(value, Mapping):
            raise self._config_error(name, "must be an object")
        return value

    def child(self, name: str) -> ConfigReader | None:
        """Return a reader of a nested object, or None."""
        value = self.raw_value(name)
        return None if value is None else ConfigReader(f"{self.path}.{name}", value)

    def children(self, name: str, max_items: int) -> list[ConfigReader]:
        """Return readers of the nested objects in a list. The list must not be longer than the maximum."""
        value = [] if self.raw_value(name) is None else self.raw_value(name)
        if not isinstance(value, list):
            raise self._config_error(name, "must be a list")
        if len(value) > max_items:
            raise self._config_error(name, f"has more than {max_items} entries")
        return [ConfigReader(f"{self.path}.{name}[{i}]", item) for i, item in enumerate(value)]

    def reject_unknown_keys(self, ignored: frozenset[str] = frozenset()) -> None:
        """Raise InvalidConfig for the first key that was not read and may not be ignored."""
        for name in self._values:
            if name not in self._read_names and name not in ignored:
                raise self._config_error(
                    str(name)[:64], "is not known; leave it out or correct its spelling"
                )

    def _check_header_value(self, name: str, text: str) -> str:
        problem = key_problem(text)
        if problem:
            raise self._config_error(name, problem)
        return text

    def _config_error(self, name: str, rule: str) -> InvalidConfig:
        return InvalidConfig(f"{self.path}.{name}", rule)
