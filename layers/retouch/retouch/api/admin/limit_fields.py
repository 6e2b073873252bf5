"""Limits in the bodies of admin requests and answers: Portkey's names, and amounts in dollars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from retouch.api.admin.fields import FieldReader
from retouch.api.admin.times import show_time
from retouch.tenants.budget_periods import current_period
from retouch.tenants.limits import (
    RATE_LIMIT_TYPES,
    RATE_SECONDS,
    RESET_PERIODS,
    USAGE_UNITS,
    RateLimit,
    RateLimitType,
    RateUnit,
    ResetPeriod,
    UsageLimit,
    UsageUnit,
)
from retouch.usage.money import dollars

_MAX_COUNT = 10**12


def read_usage_limits(
    fields: FieldReader, stored: Sequence[UsageLimit] = ()
) -> tuple[UsageLimit, ...]:
    """Return the limits in `usage_limits`: one object, or a list. Raises InvalidRequest.

    A limit goes on to count what the stored limit with the same period counts.
    """
    epochs = {_kind(limit): limit.epoch for limit in stored}
    limits = [_read_usage_limit(item) for item in fields.children("usage_limits")]
    return tuple(replace(limit, epoch=epochs.get(_kind(limit), 0)) for limit in limits)


def reset_usage(limits: Sequence[UsageLimit]) -> tuple[UsageLimit, ...]:
    """Return limits that count from now on."""
    return tuple(replace(limit, epoch=limit.epoch + 1) for limit in limits)


def read_rate_limits(fields: FieldReader) -> tuple[RateLimit, ...]:
    """Return the limits in `rate_limits`. Raises InvalidRequest."""
    return tuple(_read_rate_limit(item) for item in fields.children("rate_limits"))


def show_usage_limits(limits: Sequence[UsageLimit], now: int) -> list[dict[str, Any]]:
    """Return limits as the API shows them, with the time of their next reset."""
    return [_show_usage_limit(limit, now) for limit in limits]


def show_limits(limits: Sequence[UsageLimit], now: int) -> Any:
    """Return the limits of a key in the form of Portkey, whose keys have one at most."""
    shown = show_usage_limits(limits, now)
    return shown if len(shown) > 1 else shown[0] if shown else None


def show_rate_limits(limits: Sequence[RateLimit]) -> list[dict[str, Any]]:
    """Return limits as the API shows them."""
    return [{"type": limit.type, "unit": limit.unit, "value": limit.value} for limit in limits]


def _read_usage_limit(fields: FieldReader) -> UsageLimit:
    kind = cast(UsageUnit, fields.choice("type", USAGE_UNITS) or "cost")
    limit = _read_amount(fields, "credit_limit", kind)
    if limit is None:
        raise fields.error("credit_limit", "is required")
    threshold = _read_amount(fields, "alert_threshold", kind)
    if threshold is not None and threshold > limit:
        raise fields.error("alert_threshold", "must not be above credit_limit")
    period = cast(ResetPeriod, fields.choice("periodic_reset", RESET_PERIODS) or None)
    days = fields.integer("periodic_reset_days", 1, 365)
    if period and days:
        raise fields.error("periodic_reset_days", "cannot be sent together with periodic_reset")
    # What an answer shows in addition may be sent back.
    fields.reject_unknown("next_usage_reset_at", "status", "current_usage")
    return UsageLimit(kind, limit, threshold, period, days)


def _read_amount(fields: FieldReader, name: str, kind: UsageUnit) -> int | None:
    return fields.millionths(name) if kind == "cost" else fields.integer(name, 0, _MAX_COUNT)


def _read_rate_limit(fields: FieldReader) -> RateLimit:
    kind = cast(RateLimitType, fields.choice("type", RATE_LIMIT_TYPES) or "requests")
    unit = fields.choice("unit", tuple(RATE_SECONDS))
    value = fields.integer("value", 0, _MAX_COUNT)
    if not unit or value is None:
        raise fields.error("value" if unit else "unit", "is required")
    fields.reject_unknown()
    return RateLimit(kind, cast(RateUnit, unit), value)


def _kind(limit: UsageLimit) -> tuple[object, ...]:
    return limit.type, limit.periodic_reset, limit.periodic_reset_days


def _show_usage_limit(limit: UsageLimit, now: int) -> dict[str, Any]:
    return {
        "type": limit.type,
        "credit_limit": _show_amount(limit.credit_limit, limit.type),
        "alert_threshold": _show_amount(limit.alert_threshold, limit.type),
        "periodic_reset": limit.periodic_reset,
        "periodic_reset_days": limit.periodic_reset_days,
        "next_usage_reset_at": show_time(current_period(limit, now).end),
    }


def _show_amount(amount: int | None, kind: UsageUnit) -> float | int | None:
    return dollars(amount) if amount is not None and kind == "cost" else amount
