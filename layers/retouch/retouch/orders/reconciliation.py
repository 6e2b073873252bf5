"""The end of an order with an unknown outcome, after the operator has found the outcome out at the provider."""

from __future__ import annotations

from typing import Literal

from retouch.core.errors import JobConflict, NotFound
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.pricing import Cost
from retouch.orders import transitions
from retouch.orders.abandoned import settle_charges
from retouch.orders.charges import Ledger
from retouch.orders.order import Order, key_of_order
from retouch.orders.stores import OrderConflict, OrderTable


class OutcomeKnown(JobConflict):
    """The outcome of the order is known, so that nothing is left to find out."""

    code = "order_outcome_known"


@frozen_dataclass
class Finding:
    """What the operator has found out. Amounts are micro-dollars."""

    billed: Literal["yes", "no"]
    cost: int | None = None  # what the provider took; None: budgets keep the held amount
    price: int | None = None  # what the budgets are charged; None: the cost

    @property
    def needs_price(self) -> bool:
        """Whether a workspace with a price of its own would be charged, and shown, the provider's cost."""
        return self.cost is not None and self.billed == "yes" and self.price is None


def find_unknown_order(table: OrderTable, identifier: str) -> Order:
    """Return the order if nobody knows whether it was billed. Raises NotFound, OutcomeKnown and OrdersUnavailable."""
    order = read_order(table, identifier)
    if not transitions.can_be_reconciled(order):
        raise OutcomeKnown(f"The order {identifier} is {order.state}, so its outcome is known.")
    return order


def read_order(table: OrderTable, identifier: str) -> Order:
    """Return an order by its id. Raises NotFound and OrdersUnavailable."""
    try:
        order = table.read(key_of_order(identifier))
    except ValueError as error:
        raise NotFound(f"'{identifier[:64]}' is not the id of an order. {error}") from None
    if order is None or order.id != identifier:
        raise NotFound(f"There is no order {identifier}, or its key has expired.")
    return order


def reconcile_order(
    order: Order,
    finding: Finding,
    table: OrderTable,
    ledger: Ledger | None,
    now: int,
    validity: int = 86_400,
) -> Order:
    """Store what was found out about an unknown order, settle its charges, and return it. Raises OutcomeKnown.

    The order is kept for at least `validity`, a day by default, and never for a shorter time than before. The sweeper
    makes the steps of the charges that fail now, and writes the usage event that corrects the first one.
    """
    cost = "" if finding.cost is None else str(Cost(finding.cost, estimated=False))
    known = transitions.reconcile(order, finding.billed, cost, now, validity, price=finding.price)
    try:
        known = table.write(known, replaces=order)
    except OrderConflict:
        raise OutcomeKnown(
            f"The order {order.id} has changed meanwhile. Read its state, and send the request again."
        ) from None
    try:
        return settle_charges(known, table, ledger)
    except OrderConflict:  # the sweeper makes the steps at the same time
        return table.read(known.key) or known
