"""A cache of values that are loaded again after some time."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from retouch.core.clock import Clock

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class TimedCache(Generic[Key, Value]):
    """The loaded values by key. It is emptied when it has too many of them."""

    def __init__(self, clock: Clock, seconds: float, max_items: int = 10_000) -> None:
        self._clock, self._seconds, self._max_items = clock, seconds, max_items
        self._values: dict[Key, tuple[float, Value]] = {}

    def get(self, key: Key, load: Callable[[], Value]) -> Value:
        """Return the value. It is loaded if it is not here or too old."""
        found = self._values.get(key)
        if found and self._clock.now() < found[0]:
            return found[1]
        value = load()
        if len(self._values) >= self._max_items:
            self._values.clear()
        self._values[key] = (self._clock.now() + self._seconds, value)
        return value

    def drop(self, key: Key) -> None:
        """Forget a value, so that it is loaded at its next use."""
        self._values.pop(key, None)

    def __len__(self) -> int:
        return len(self._values)
