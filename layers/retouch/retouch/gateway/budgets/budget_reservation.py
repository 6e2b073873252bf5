"""What a job reserves of budgets before its caller is told that it is accepted.

A job that waits for a worker has a waiting amount in each budget of money. It does not count as an edit that runs. The
attempt of the worker takes the room over, see `retouch.gateway.budgets.budget_holds`.
"""

from __future__ import annotations

from collections.abc import Sequence

from retouch.core.errors import Fault
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.gateway.budgets.budget_holds import budget_error, charges_of, held_amount, row_name_of
from retouch.orders.charges import Charges
from retouch.tenants.budget_errors import TooManyAtOnce
from retouch.tenants.budget_rows import MAX_WAITING, BudgetRow, WaitingAmount
from retouch.tenants.budget_table import BudgetTable
from retouch.tenants.budgets import Budget

_RETRY_SECONDS = 30


@frozen_dataclass
class BudgetReservation:
    """The most that a job may cost, and the budgets that its edit must pass."""

    budgets: Sequence[Budget]
    amount: int  # micro-dollars
    table: BudgetTable
    is_portkey_client: bool = False

    def check(self) -> None:
        """Raise BudgetExceeded when the job does not fit into a budget, before anything of it is stored.

        Raises BudgetUnavailable.
        """
        for budget in self.budgets:
            if budget.limit.amount is None:
                continue
            row = self.table.read(row_name_of(budget))
            if row.taken + held_amount(budget, self.amount) > budget.limit.amount:
                raise self._budget_error(budget, row)

    def charges(self, name: str) -> Charges:
        """Return the charges of the job. Each waits in its row under the name."""
        return charges_of(self._cost_budgets, name, self.amount, "waiting")

    def reserve(self, name: str) -> None:
        """Add the waiting amounts to the rows. Raises BudgetExceeded, TooManyAtOnce or BudgetUnavailable."""
        new = WaitingAmount(name, self.amount)
        for budget in self._cost_budgets:
            result = self.table.add_waiting(row_name_of(budget), new, budget.limit.amount or 0)
            if result.outcome == "no_room":
                raise self._budget_error(budget, result.row)
            if result.outcome == "too_many":
                raise _waiting_error()

    @property
    def _cost_budgets(self) -> tuple[Budget, ...]:
        return tuple(one for one in self.budgets if one.is_cost)

    def _budget_error(self, budget: Budget, row: BudgetRow) -> Fault:
        return budget_error(budget, row, self.amount, is_portkey_client=self.is_portkey_client)


def _waiting_error() -> TooManyAtOnce:
    return TooManyAtOnce(
        f"{MAX_WAITING} jobs that count in the same budget wait for a worker, which is the maximum. Send the request "
        "again when one of them has begun, or send the edits as a batch.",
        retry_after=_RETRY_SECONDS,
    )
