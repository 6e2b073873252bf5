"""A closed range that a count or a size has to lie in."""

from __future__ import annotations

from dataclasses import dataclass

from retouch.routing.problems import InvalidConfig
from retouch.routing.reading import Reader


@dataclass(frozen=True, slots=True)
class Range:
    """From `low` to `high`; None is no limit."""

    low: float | None
    high: float | None

    def __contains__(self, value: float) -> bool:
        above = self.low is None or value >= self.low
        return above and (self.high is None or value <= self.high)

    def __bool__(self) -> bool:
        return self.low is not None or self.high is not None

    def __str__(self) -> str:
        low = "" if self.low is None else f"at least {self.low:g}"
        high = "" if self.high is None else f"at most {self.high:g}"
        return " and ".join(filter(None, (low, high)))


def read_range(read: Reader, low: str, high: str, most: float) -> Range:
    """The range under these two names, 0 to `most`. InvalidConfig where it is empty."""
    found = Range(read.number(low, None, 0, most), read.number(high, None, 0, most))
    if found.low is not None and found.high is not None and found.low > found.high:
        raise InvalidConfig(f"{read.path}.{low}", f"must not be above {high}")
    return found
