"""Time and chance as something to hand in, so that no room reads them by itself."""

from __future__ import annotations

import random
import time
from datetime import UTC, date, datetime
from typing import Protocol


class Clock(Protocol):
    """What the core may know of time."""

    def now(self) -> float:
        """Monotonic seconds; deadlines are points on this scale."""

    def unix(self) -> int:
        """Seconds since 1970."""

    def today(self) -> date:
        """The date in UTC."""

    def sleep(self, seconds: float) -> None:
        """Wait."""

    def chance(self) -> float:
        """A random number from 0 to 1."""


def backoff(clock: Clock, first: float, attempt: int) -> float:
    """Seconds to wait after the `attempt`-th failure: `first` at most, doubled each time, with full jitter."""
    return first * 2.0 ** (attempt - 1) * clock.chance()


class SystemClock:
    """The real one."""

    def now(self) -> float:
        """Monotonic seconds."""
        return time.monotonic()

    def unix(self) -> int:
        """Seconds since 1970."""
        return int(time.time())

    def today(self) -> date:
        """The date in UTC."""
        return datetime.now(UTC).date()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def chance(self) -> float:
        """For jitter only."""
        return random.random()  # noqa: S311
