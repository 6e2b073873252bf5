"""Time and randomness as a dependency, so that tests can replace them."""

from __future__ import annotations

import random
import time
from datetime import UTC, date, datetime
from typing import Protocol


class Clock(Protocol):
    """The time and randomness that the core may use."""

    def now(self) -> float:
        """Return monotonic seconds. Deadlines are values on this scale."""

    def unix_time(self) -> int:
        """Return the seconds since 1970."""

    def today(self) -> date:
        """Return the date in UTC."""

    def sleep(self, seconds: float) -> None:
        """Wait for this many seconds."""

    def random_fraction(self) -> float:
        """Return a random number from 0 to 1."""


def backoff_delay(clock: Clock, base_seconds: float, attempt: int) -> float:
    """Return the seconds to wait after failure number `attempt`, with full jitter.

    The maximum is `base_seconds` after the first failure, and doubles with each further failure.
    """
    return base_seconds * 2.0 ** (attempt - 1) * clock.random_fraction()


class SystemClock:
    """The system's clock and random number generator."""

    def now(self) -> float:
        """Return monotonic seconds."""
        return time.monotonic()

    def unix_time(self) -> int:
        """Return the seconds since 1970."""
        return int(time.time())

    def today(self) -> date:
        """Return the date in UTC."""
        return datetime.now(UTC).date()

    def sleep(self, seconds: float) -> None:
        """Wait for this many seconds."""
        time.sleep(seconds)

    def random_fraction(self) -> float:
        """Return a random number from 0 to 1. Use it only for jitter."""
        return random.random()  # noqa: S311
