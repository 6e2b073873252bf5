"""The ledger of orders: their charges in the table of budgets, and the notices about them to the operator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from typing import TYPE_CHECKING, Protocol

from retouch.core.clock import Clock, SystemClock
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.orders.charges import Charge
from retouch.orders.order import time_of_order
from retouch.tenants.budget_rows import BudgetRow, RowHold, WaitingAmount
from retouch.tenants.budget_table import BudgetTable, RowName

if TYPE_CHECKING:
    from retouch.webhooks.services import WebhookServices

# A restored hold is settled at once. After this time, it counts as that of a crashed process.
_RESTORED_LEASE = 0
# The function of the request that makes a job has ended after this time: the longest run of a function, and a minute.
_REQUEST_SECONDS = 960


class BudgetNoticesPort(Protocol):
    """The notices about budgets to the operator."""

    def report_overrun(self, charge: Charge, amount: int) -> None:
        """Report that an edit cost this much more than it held."""

    def report_threshold(self, charge: Charge, row: BudgetRow) -> None:
        """Report that the use of a budget has reached its threshold. This happens once in a period."""


@frozen_dataclass
class BudgetLedger:
    """Settles the charges of orders. A repeated step changes nothing. Raises BudgetUnavailable."""

    open_table: Callable[[], BudgetTable]
    notices: BudgetNoticesPort
    load_webhooks: Callable[[], WebhookServices | None] = lambda: None
    clock: Clock = field(default_factory=SystemClock)

    def settle(self, charge: Charge, scope: str) -> bool:
        """Turn a held amount into the actual one. Return False when it was settled before, or waits again.

        A process may have died after it had returned the hold, so a waiting amount of that name is removed then. The
        webhook of a threshold is queued before the row says that it was reported, so a crash cannot lose it.
        """
        at_risk = charge.actual if charge.is_at_risk else 0
        row = self.open_table().settle(
            _row_name(charge), charge.hold, charge.amount, charge.actual, at_risk
        )
        if row is None:
            self.open_table().remove_waiting(_row_name(charge), _waiting_amount(charge))
            return False
        if charge.unit == "cost" and charge.actual > charge.amount:
            self.notices.report_overrun(charge, charge.actual - charge.amount)
        if 0 < charge.alert_at <= row.taken and not row.is_alerted:
            self._report_threshold(charge, row, scope)
        return True

    def _report_threshold(self, charge: Charge, row: BudgetRow, scope: str) -> None:
        from retouch.gateway.budgets.threshold_events import emit_threshold_event

        now = self.clock.unix_time()
        emit_threshold_event(charge, row.taken, scope, self.load_webhooks, now)
        if self.open_table().mark_alerted(_row_name(charge)):
            self.notices.report_threshold(charge, row)

    def restore(self, charge: Charge) -> None:
        """Turn an amount that was settled at risk back into a held one, if it is not held."""
        hold = RowHold(charge.amount, _RESTORED_LEASE)
        self.open_table().restore(_row_name(charge), charge.hold, hold)

    def return_hold(self, charge: Charge) -> bool:
        """Turn a held amount into a waiting one. Return False when there is neither."""
        return self.open_table().return_hold(_row_name(charge), _waiting_amount(charge))

    def release(self, charge: Charge) -> bool:
        """Remove the amount of a waiting job. Return False when the request of the job may still add it."""
        if self.open_table().remove_waiting(_row_name(charge), _waiting_amount(charge)):
            return True
        created = time_of_order(charge.hold.rpartition(".")[0])
        return self.clock.unix_time() >= created + _REQUEST_SECONDS


def _waiting_amount(charge: Charge) -> WaitingAmount:
    return WaitingAmount(charge.hold, charge.amount)


def _row_name(charge: Charge) -> RowName:
    return RowName(charge.account, charge.period)
