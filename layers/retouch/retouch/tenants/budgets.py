"""The budgets that an edit must pass: those of the virtual key that pays, of the gateway key and of its workspace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.tenants.budget_periods import Period, current_period
from retouch.tenants.budget_rows import RowLimit
from retouch.tenants.keys import (
    KEY_CONCURRENCY,
    WORKSPACE_CONCURRENCY,
    GatewayKey,
    VirtualKeyRecord,
)
from retouch.tenants.limits import UsageLimit

BudgetScope = Literal["virtual_key", "api_key", "workspace"]
_UNLIMITED, _NO_PERIOD = UsageLimit("cost", 0), Period("unlimited")


@frozen_dataclass
class Budget:
    """One budget in its present period. Amounts are micro-dollars, or tokens."""

    scope: BudgetScope
    account: str  # whose budget it is, in the table
    period: Period
    limit: RowLimit
    alert_at: int | None = None
    usage: UsageLimit = _UNLIMITED

    @property
    def is_cost(self) -> bool:
        """Whether it limits an amount of money."""
        return self.usage.type == "cost" and self.limit.amount is not None

    @property
    def row_name(self) -> tuple[str, str]:
        """The account and the name of the period."""
        return self.account, self.period.name


def budgets_of_key(key: GatewayKey | None, now: int) -> tuple[Budget, ...]:
    """Return the budgets of a gateway key and of its workspace, in the order in which an edit must pass them."""
    if key is None:
        return ()
    workspace = key.workspace
    return (
        *make_budgets(
            "api_key", f"key#{key.id}", key.usage_limits, key.concurrency, KEY_CONCURRENCY, now
        ),
        *make_budgets(
            "workspace",
            f"ws#{workspace.id}",
            workspace.usage_limits,
            workspace.concurrency,
            WORKSPACE_CONCURRENCY,
            now,
        ),
    )


def make_budgets(
    scope: BudgetScope,
    account: str,
    limits: Sequence[UsageLimit],
    concurrency: int | None,
    default_concurrency: int,
    now: int,
) -> tuple[Budget, ...]:
    """Return the budgets of one owner. A limit on the edits at the same time alone has a budget without an amount."""
    holds = default_concurrency if concurrency is None else concurrency
    if not limits and concurrency is not None:
        # A row of its own: a first usage limit counts nothing that was used before it.
        return (Budget(scope, account, _NO_PERIOD, RowLimit(None, holds)),)
    rows: dict[str, Budget] = {}
    for limit in sorted(limits, key=lambda one: one.credit_limit, reverse=True):
        period, most = _row_of_limit(limit, now)
        # Of two limits for the same period, the smaller one decides.
        rows[period.name] = Budget(
            scope, account, period, RowLimit(most, holds), limit.alert_threshold, limit
        )
    return tuple(rows.values())


def _row_of_limit(limit: UsageLimit, now: int) -> tuple[Period, int]:
    """Return the period of a limit and the most that may be taken for a hold. Tokens are known only after the edit."""
    period = current_period(limit, now)
    if limit.type == "cost":
        return period, limit.credit_limit
    return replace(period, name=f"tokens-{period.name}"), limit.credit_limit - 1


def budgets_of_virtual_key(record: VirtualKeyRecord | None, now: int) -> tuple[Budget, ...]:
    """Return the budgets of the virtual key that pays."""
    if record is None:
        return ()
    account = f"vk#{record.budget_name}"
    return make_budgets(
        "virtual_key", account, record.usage_limits, None, WORKSPACE_CONCURRENCY, now
    )
