"""End an order whose outcome is unknown: `python -m tools.reconcile ord_... --billed no|yes [--cost USD]`.

The provider's usage page says whether the edit was billed. `no` opens an order without an answer, so that the next
request with its key buys the image, and gives back what counts as at risk in budgets. `yes` keeps the order closed, and
charges the cost to the budgets.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from retouch.core.errors import OrdersUnavailable
from retouch.gateway.budgets.budget_ledger import BudgetLedger
from retouch.infrastructure.aws.budget_table import BudgetDynamoTable
from retouch.infrastructure.aws.order_table import OrderDynamoTable
from retouch.infrastructure.budget_notices import BudgetNotices
from retouch.orders import transitions
from retouch.orders.abandoned import settle_charges
from retouch.orders.charges import Ledger
from retouch.orders.order import key_of_order
from retouch.orders.stores import OrderConflict, OrderTable
from tools.stack import CommandError, StackLocation, locate_stack, run_command, stack_outputs

_VALIDITY_SECONDS = 86_400


@dataclass(frozen=True)
class _StackClients:
    """The clients of the stack's account and region, for the table of orders."""

    stack: StackLocation

    def client(self, service: str, _: object) -> Any:
        return self.stack.client(service)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    options = _parse_arguments(arguments)
    return run_command(lambda: _run(options))


def reconcile_order(
    table: OrderTable,
    identifier: str,
    billed: str,
    cost: str,
    now: int,
    ledger: Ledger | None = None,
) -> str:
    """Store whether an unknown order was billed, settle its charges, and return its new state.

    Raises CommandError for any other order. The sweeper makes the steps of the charges that fail now.
    """
    try:
        order = table.read(key_of_order(identifier))
    except ValueError as error:
        raise CommandError(f"{identifier!r} is not the id of an order. {error}") from None
    if order is None or order.id != identifier:
        raise CommandError(f"There is no order {identifier}, or its key has expired.")
    if not transitions.can_be_reconciled(order):
        raise CommandError(f"The order {identifier} is {order.state}, so its outcome is known.")
    settled = transitions.reconcile(
        order, "no" if billed == "no" else "yes", cost, now, _VALIDITY_SECONDS
    )
    try:
        return settle_charges(table.write(settled, replaces=order), table, ledger).state
    except OrderConflict:
        raise CommandError(f"The order {identifier} has changed meanwhile. Try again.") from None


def _run(options: argparse.Namespace) -> int:
    stack = locate_stack(options.stack, options.region)
    outputs = stack_outputs(stack)
    clients: Any = _StackClients(stack)
    table, ledger = OrderDynamoTable(outputs["OrdersTable"], clients), None
    if "BudgetsTable" in outputs:  # stacks of earlier versions have none
        budgets = BudgetDynamoTable(outputs["BudgetsTable"], clients)
        ledger = BudgetLedger(lambda: budgets, BudgetNotices(os.environ))
    try:
        state = reconcile_order(
            table, options.order, options.billed, options.cost, int(time.time()), ledger
        )
    except OrdersUnavailable as error:
        raise error.__cause__ or error from None
    print(f"The order {options.order} is now {state}.")
    return 0


def _parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.reconcile", description=__doc__)
    parser.add_argument("order", help="the id, x-retouch-order")
    parser.add_argument("--billed", required=True, choices=("no", "yes"))
    parser.add_argument("--cost", default="", help="in US dollars")
    parser.add_argument("--stack", default="retouch")
    parser.add_argument("--region", default="")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
