"""The periods of usage limits. All of them begin at 00:00 UTC: weeks on Sunday, and months on the 1st, as Portkey's."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.tenants.limits import UsageLimit

_SUNDAY_OFFSET = 1  # a day of the week counts from Monday
_DAY_SECONDS = 86_400


@frozen_dataclass
class Period:
    """A period of a usage limit. The name sorts by time. `end` is a Unix time; None: the period has no end."""

    name: str
    end: int | None = None


def current_period(limit: UsageLimit, now: int) -> Period:
    """Return the period of the limit at a Unix time. A limit of a number of days counts them from 1970-01-01.

    After a reset within the period, the name has the number of the reset at its end.
    """
    first, following = _bounds(limit, datetime.fromtimestamp(now, UTC).date())
    suffix = f".{limit.epoch}" if limit.epoch else ""
    if first is None or following is None:
        return Period(f"all{suffix}")
    return Period(f"{_label(limit, first)}{suffix}", _unix_time(following))


def _bounds(limit: UsageLimit, today: date) -> tuple[date | None, date | None]:
    """Return the first day of the period, and the first day of the next one."""
    days = limit.periodic_reset_days
    if days:
        elapsed = _unix_time(today) // _DAY_SECONDS
        first = today - timedelta(elapsed % days)
        return first, first + timedelta(days)
    if limit.periodic_reset == "daily":
        return today, today + timedelta(1)
    if limit.periodic_reset == "weekly":
        first = today - timedelta((today.weekday() + _SUNDAY_OFFSET) % 7)
        return first, first + timedelta(7)
    if limit.periodic_reset == "monthly":
        first = today.replace(day=1)
        return first, (first + timedelta(31)).replace(day=1)
    return None, None


def _label(limit: UsageLimit, first: date) -> str:
    if limit.periodic_reset_days:
        return f"{first.isoformat()}+{limit.periodic_reset_days}"
    if limit.periodic_reset == "weekly":
        return f"W{first.isoformat()}"
    return first.isoformat()[:7] if limit.periodic_reset == "monthly" else first.isoformat()


def _unix_time(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
