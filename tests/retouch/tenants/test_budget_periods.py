from datetime import UTC, datetime

import pytest

from retouch.tenants.budget_periods import current_period
from retouch.tenants.limits import UsageLimit


def unix_time(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("reset", "now", "name", "end"),
    [
        ("monthly", "2026-11-30T23:59:59", "2026-11", "2026-12-01"),
        ("monthly", "2026-12-01T00:00:00", "2026-12", "2027-01-01"),
        ("monthly", "2026-01-31T12:00:00", "2026-01", "2026-02-01"),
        ("weekly", "2026-11-28T23:59:59", "W2026-11-22", "2026-11-29"),  # Saturday
        ("weekly", "2026-11-29T00:00:00", "W2026-11-29", "2026-12-06"),  # Sunday
        ("daily", "2028-02-29T00:00:00", "2028-02-29", "2028-03-01"),
    ],
)
def test_period_resets_at_midnight_utc(reset, now, name, end):
    period = current_period(UsageLimit("cost", 1, periodic_reset=reset), unix_time(now))
    assert (period.name, period.end) == (name, unix_time(end))


def test_period_of_days_has_that_length():
    limit = UsageLimit("cost", 1, periodic_reset_days=10)
    now = unix_time("2026-11-30T08:00:00")
    period = current_period(limit, now)
    assert period.end is not None
    assert now < period.end <= now + 10 * 86_400
    following = current_period(limit, period.end)
    assert following.end == period.end + 10 * 86_400
    assert following.name > period.name


def test_prepaid_limit_has_one_period_without_end():
    period = current_period(UsageLimit("cost", 1), unix_time("2026-11-30"))
    assert (period.name, period.end) == ("all", None)


def test_reset_of_the_use_begins_another_row():
    limit = UsageLimit("cost", 1, periodic_reset="monthly", epoch=2)
    assert current_period(limit, unix_time("2026-11-30")).name == "2026-11.2"
