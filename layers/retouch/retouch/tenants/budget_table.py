"""The table that budgets need. It makes each change of a row in one conditional write."""

from __future__ import annotations

from typing import Protocol

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.tenants.budget_rows import (
    BudgetRow,
    HoldOutcome,
    RowHold,
    RowLimit,
    WaitingAmount,
)


@frozen_dataclass
class RowName:
    """The name of a row: whose budget it is, and the period."""

    account: str
    period: str
    expires: int = 0  # the Unix time from which a new row may be deleted; 0: never


@frozen_dataclass
class HoldResult:
    """What became of a hold, and the row after it."""

    outcome: HoldOutcome
    row: BudgetRow
    is_waiting_missing: bool = False  # the waiting amount that it takes over was not there


class BudgetTable(Protocol):
    """The rows of all budgets. Every method raises BudgetUnavailable when the table cannot be used.

    A write that is repeated because its response was lost changes nothing.
    """

    def hold(
        self,
        row: RowName,
        name: str,
        hold: RowHold,
        limit: RowLimit,
        waiting: WaitingAmount | None = None,
    ) -> HoldResult:
        """Hold an amount if there is room. A row that does not exist yet is empty.

        The hold takes over the room of the waiting amount, if that is there.
        """

    def add_waiting(self, row: RowName, new: WaitingAmount, most: int) -> HoldResult:
        """Add the amount of a waiting job, if not more than `most` is taken then."""

    def remove_waiting(self, row: RowName, waiting: WaitingAmount) -> bool:
        """Remove a waiting amount. Return False when it is not there, or when it has just been removed."""

    def return_hold(self, row: RowName, waiting: WaitingAmount) -> bool:
        """Turn the hold of that name into the waiting amount. Return False when there is neither."""

    def settle(
        self, row: RowName, name: str, amount: int, actual: int, at_risk: int
    ) -> BudgetRow | None:
        """Turn a hold of `amount` into `actual`. Return the row, or None when the hold was settled before."""

    def restore(self, row: RowName, name: str, hold: RowHold) -> None:
        """Turn an amount that was settled at risk back into a hold. Does nothing when it is there, or was restored."""

    def read(self, row: RowName) -> BudgetRow:
        """Return the row as it was last written. A row that does not exist is empty."""

    def mark_alerted(self, row: RowName) -> bool:
        """Store that the threshold of the row was reported. Return False when it had been reported before."""
