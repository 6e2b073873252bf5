"""The quota of the calling key: what is used and left of its own limits and of those of its workspace."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from retouch.core.errors import BudgetUnavailable
from retouch.core.pricing import MICRO_DOLLARS
from retouch.gateway.budgets.budget_holds import row_name_of
from retouch.gateway.services import Services
from retouch.tenants.budget_rows import BudgetRow
from retouch.tenants.budgets import Budget, budgets_of_key
from retouch.tenants.keys import GatewayKey
from retouch.tenants.rates import RateUse, windows_of_key


def read_quota(key: GatewayKey | None, services: Services) -> dict[str, Any]:
    """Return the quota of a key, without the limits of virtual keys. Raises BudgetUnavailable."""
    now = services.clock.unix_time()
    budgets = budgets_of_key(key, now)
    windows = windows_of_key(key, now)
    if (budgets and services.open_budgets is None) or (windows and services.open_rates is None):
        raise BudgetUnavailable(
            "This gateway has no table of budgets. Set RETOUCH_BUDGETS_TABLE on the gateway.",
            retryable=False,
        )
    table = services.open_budgets() if budgets and services.open_budgets else None
    rows = [table.read(row_name_of(budget)) for budget in budgets] if table else []
    uses = services.open_rates().read(windows) if services.open_rates and windows else ()
    return {
        "object": "quota",
        "auth_mode": services.settings.auth_mode,
        "limits": [
            _limit_entry(budget, row)
            for budget, row in zip(budgets, rows, strict=True)
            if budget.limit.amount is not None  # not only the number of edits at the same time
        ],
        "rate_limits": [_rate_entry(use) for use in uses],
        "concurrency": _concurrency(budgets, rows),
    }


def _limit_entry(budget: Budget, row: BudgetRow) -> dict[str, Any]:
    end, limit = budget.period.end, budget.usage.credit_limit
    common = {
        "type": budget.usage.type,
        "scope": budget.scope,
        "period": budget.period.name,
        "resets_at": None if end is None else _time_text(end),
    }
    if not budget.is_cost:
        left = max(0, limit - row.taken)
        return {
            **common,
            "limit_tokens": limit,
            "taken_tokens": row.taken,
            "remaining_tokens": left,
        }
    return {
        **common,
        "limit_usd": _dollars(limit),
        "taken_usd": _dollars(row.taken),
        "spent_usd": _dollars(row.spent),
        "at_risk_usd": _dollars(row.at_risk),
        "remaining_usd": _dollars(max(0, limit - row.taken)),
    }


def _rate_entry(use: RateUse) -> dict[str, Any]:
    window = use.window
    return {
        "type": window.limit.type,
        "scope": window.scope,
        "unit": window.limit.unit,
        "limit": window.limit.value,
        "remaining": use.remaining,
        "resets_at": _time_text(window.end),
    }


def _concurrency(budgets: Sequence[Budget], rows: Sequence[BudgetRow]) -> dict[str, Any]:
    """Return by scope how many edits may run at the same time, and how many do."""
    return {
        budget.scope: {"limit": budget.limit.holds, "running": len(row.holds)}
        for budget, row in zip(budgets, rows, strict=True)
    }


def _dollars(micro_dollars: int) -> float:
    return micro_dollars / MICRO_DOLLARS


def _time_text(unix_time: int) -> str:
    return datetime.fromtimestamp(unix_time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
