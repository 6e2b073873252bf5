"""The holds of one attempt: it holds the most that it may cost in every budget, the innermost first.

The order names the holds before they are made, so that a crash leaves nothing that the sweeper cannot find. A refusal
releases the holds that were made before it. Holds of processes that have ended are settled when they are in the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from retouch.core.clock import Clock
from retouch.core.errors import BudgetUnavailable, Fault, OrdersUnavailable
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.pricing import MICRO_DOLLARS
from retouch.orders.abandoned import settle_abandoned
from retouch.orders.charges import Charge, Charges, ChargeState, Outcome
from retouch.orders.held_order import HeldOrder
from retouch.orders.order import key_of_order
from retouch.orders.stores import OrderStores
from retouch.tenants.budget_errors import BudgetExceeded, TooManyAtOnce
from retouch.tenants.budget_rows import BudgetRow, RowHold, WaitingAmount
from retouch.tenants.budget_table import BudgetTable, HoldResult, RowName
from retouch.tenants.budgets import Budget

_KEPT_SECONDS = 400 * 86_400  # a row is kept for this time after the end of its period
_MAX_LOOKED_UP = 20  # holds of ended processes for one refusal
_CONCURRENCY_RETRY_SECONDS = 5
_PORTKEY_STATUS = 412  # Portkey's status for a budget that is used up
_SCOPE_TEXTS = {
    "virtual_key": "the virtual key",
    "api_key": "this gateway key",
    "workspace": "the workspace of this gateway key",
}


@frozen_dataclass
class BudgetHolder:
    """Makes the holds of an order's attempts."""

    held: HeldOrder
    table: BudgetTable
    stores: OrderStores
    clock: Clock
    is_portkey_client: bool = False

    def hold(self, budgets: Sequence[Budget], amount: int) -> int | None:
        """Hold the amount in each budget. Return what is left of the smallest one, or None when none has an amount.

        Raises BudgetExceeded, TooManyAtOnce, BudgetUnavailable, OrderInProgress or OrdersUnavailable.
        """
        name = self.held.next_hold
        self._note(charges_of(budgets, name, amount))
        rows, taken_over = list[BudgetRow](), set[tuple[str, str]]()
        try:
            for budget in budgets:
                result = self._hold_in(budget, name, amount)
                rows.append(result.row)
                if not result.is_waiting_missing:
                    taken_over.add((budget.account, budget.period.name))
        except Fault:
            if self.held.order.has_reservation:
                self.held.return_charges(taken_over)
            else:
                self.held.settle_charges(Outcome("no"))
            raise
        self.held.take_over_waiting(taken_over)
        return remaining_amount(budgets, rows)

    def _note(self, charges: Charges) -> None:
        try:
            self.held.note_charges(charges)
        except OrdersUnavailable as error:
            raise BudgetUnavailable(
                "The table of orders cannot be used, and without it no budget can be kept, so nothing was bought. "
                "Send the request again.",
                retry_after=error.retry_after,
            ) from error

    def _hold_in(self, budget: Budget, name: str, amount: int) -> HoldResult:
        row_name = row_name_of(budget)
        hold = RowHold(held_amount(budget, amount), self.held.order.lease)
        waiting = self._reserved_amount(row_name)
        result = self.table.hold(row_name, name, hold, budget.limit, waiting)
        if result.outcome != "held" and self._settle_ended(row_name, result.row):
            result = self.table.hold(row_name, name, hold, budget.limit, waiting)
        if result.outcome == "too_many":
            raise _concurrency_error(budget)
        if result.outcome == "no_room":
            raise budget_error(budget, result.row, amount, is_portkey_client=self.is_portkey_client)
        return result

    def _reserved_amount(self, row: RowName) -> WaitingAmount | None:
        """Return what the job has reserved in a row before its worker began it."""
        charges = (one for one in self.held.order.charges if one.state == "waiting")
        rows = {(one.account, one.period): WaitingAmount(one.hold, one.amount) for one in charges}
        return rows.get((row.account, row.period))

    def _settle_ended(self, row_name: RowName, row: BudgetRow) -> bool:
        """Settle the holds of processes that have ended. Return whether there was one."""
        now = self.clock.unix_time()
        ended = [name for name, hold in row.holds.items() if hold.lease < now]
        return any(
            [
                self._settle_one(row_name, name, row.holds[name], now)
                for name in ended[:_MAX_LOOKED_UP]
            ]
        )

    def _settle_one(self, row_name: RowName, name: str, hold: RowHold, now: int) -> bool:
        identifier = name.rpartition(".")[0]
        order = self.stores.table.read(key_of_order(identifier))
        if order is None or order.id != identifier:  # nobody can find out what became of it
            self.table.settle(row_name, name, hold.amount, hold.amount, hold.amount)
            return True
        if order.is_running and order.lease >= now:
            return False
        if any(charge.hold == name for charge in order.charges):
            return settle_abandoned(order, self.stores, now) is not None
        # The order was settled before a process that was thought to have ended made this hold.
        self.table.settle(row_name, name, hold.amount, 0, 0)
        return True


def charges_of(
    budgets: Sequence[Budget], name: str, amount: int, state: ChargeState = "held"
) -> Charges:
    """Return the charges of an amount in each budget."""
    return tuple(
        Charge(
            one.account,
            one.period.name,
            name,
            held_amount(one, amount),
            one.alert_at or 0,
            one.usage.type,
            state,
        )
        for one in budgets
    )


def budget_error(
    budget: Budget, row: BudgetRow, amount: int, *, is_portkey_client: bool
) -> BudgetExceeded:
    """Return the error of an edit whose amount does not fit into a budget."""
    text = _cost_text(budget, row, amount) if budget.is_cost else _token_text(budget)
    error = BudgetExceeded(
        f"{text} {_reset_text(budget)} Ask the operator for a larger budget.",
        status=_PORTKEY_STATUS if is_portkey_client else None,
    )
    if budget.is_cost:
        error.remaining = max(0, (budget.limit.amount or 0) - row.taken)
    return error


def row_name_of(budget: Budget) -> RowName:
    """Return the name of a budget's row."""
    end = budget.period.end
    return RowName(budget.account, budget.period.name, end + _KEPT_SECONDS if end else 0)


def held_amount(budget: Budget, amount: int) -> int:
    """Return what an edit holds of a budget. The tokens of an edit are known only after it."""
    return amount if budget.usage.type == "cost" else 0


def remaining_amount(budgets: Sequence[Budget], rows: Sequence[BudgetRow]) -> int | None:
    """Return what is left of the smallest of the budgets that have an amount, in micro-dollars."""
    left = [
        budget.limit.amount - row.taken
        for budget, row in zip(budgets, rows, strict=True)
        if budget.is_cost and budget.limit.amount is not None
    ]
    return min(left, default=None)


def usd_text(micro_dollars: int) -> str:
    """Return an amount for a person: "$0.50", or with up to six digits where it has them."""
    dollars, rest = divmod(micro_dollars, MICRO_DOLLARS)
    digits = f"{rest:06}".rstrip("0")
    return f"${dollars}.{digits:0<2}"


def _cost_text(budget: Budget, row: BudgetRow, amount: int) -> str:
    limit = budget.limit.amount or 0
    left = usd_text(max(0, limit - row.taken))
    return (
        f"The budget of {_SCOPE_TEXTS[budget.scope]} is {usd_text(limit)}. {left} is left, and this edit may cost up "
        f"to {usd_text(amount)}."
    )


def _token_text(budget: Budget) -> str:
    return f"The budget of {_SCOPE_TEXTS[budget.scope]} is {budget.usage.credit_limit} tokens, and they are used."


def _reset_text(budget: Budget) -> str:
    end = budget.period.end
    return f"It resets at {_time_text(end)}." if end else "It never resets."


def _concurrency_error(budget: Budget) -> TooManyAtOnce:
    return TooManyAtOnce(
        f"{_SCOPE_TEXTS[budget.scope].capitalize()} may make {budget.limit.holds} edits at the same time, and that "
        "many run. Send the request again when one of them has ended.",
        retry_after=_CONCURRENCY_RETRY_SECONDS,
    )


def _time_text(unix_time: int | None) -> str:
    return datetime.fromtimestamp(unix_time or 0, UTC).strftime("%Y-%m-%d %H:%M UTC")
