"""Limits of workspaces, gateway keys and virtual keys, in Portkey's words. Money is a whole number of micro-dollars."""

from __future__ import annotations

from typing import Literal, get_args

from retouch.core.frozen_dataclass import frozen_dataclass

MILLIONTHS = 1_000_000  # the number of millionths in 1
UsageUnit = Literal["cost", "tokens"]
ResetPeriod = Literal["daily", "weekly", "monthly"]
RateLimitType = Literal["requests", "tokens", "pictures"]
RateUnit = Literal["rps", "rpm", "rph", "rpd", "rpw"]
USAGE_UNITS: tuple[str, ...] = get_args(UsageUnit)
RESET_PERIODS: tuple[str, ...] = get_args(ResetPeriod)
RATE_LIMIT_TYPES: tuple[str, ...] = get_args(RateLimitType)
# The seconds of each unit of a rate.
RATE_SECONDS: dict[str, int] = {"rps": 1, "rpm": 60, "rph": 3600, "rpd": 86_400, "rpw": 604_800}


@frozen_dataclass
class UsageLimit:
    """The most that may be used in a period: micro-dollars for "cost", or tokens."""

    type: UsageUnit
    credit_limit: int
    alert_threshold: int | None = None  # in the unit of the limit; at this use, an event is sent
    periodic_reset: ResetPeriod | None = None  # None, and no days: the use is never reset
    periodic_reset_days: int | None = None  # the days of a period of any other length
    epoch: int = 0  # grows when an operator resets the use within a period


@frozen_dataclass
class RateLimit:
    """The most that may be counted in one window of time."""

    type: RateLimitType
    unit: RateUnit
    value: int

    @property
    def window_seconds(self) -> int:
        """The length of the window in seconds."""
        return RATE_SECONDS[self.unit]


@frozen_dataclass
class WorkspacePrice:
    """What a tenant is charged for an edit, compared with what it costs the operator."""

    multiplier: int = MILLIONTHS  # in millionths: 1_200_000 charges 1.2 times the cost
    per_picture: int = 0  # micro-dollars in addition, for each picture

    def apply_to(self, cost: int, pictures: int) -> int:
        """Return the price in micro-dollars of pictures with this cost. Half a micro-dollar is rounded up."""
        scaled = (cost * self.multiplier + MILLIONTHS // 2) // MILLIONTHS
        return scaled + self.per_picture * pictures


AT_COST = WorkspacePrice()
