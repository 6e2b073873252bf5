"""Time budgets for tests."""

from retouch.core.clock import SystemClock
from retouch.gateway.time_budget import TimeBudget


def time_budget(seconds: float = 60.0) -> TimeBudget:
    """Return a budget that ends in `seconds`, by default later than any test."""
    clock = SystemClock()
    return TimeBudget(clock, clock.now() + seconds)
