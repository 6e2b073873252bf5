"""End an order whose outcome is unknown: `python -m tools.reconcile ord_... --billed no|yes [--cost USD]
[--price USD]`.

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
from decimal import Decimal, InvalidOperation

from retouch.core.errors import NotFound, OrdersUnavailable
from retouch.core.pricing import MICRO_DOLLARS
from retouch.gateway.budgets.budget_ledger import BudgetLedger
from retouch.infrastructure.aws.budget_table import BudgetDynamoTable
from retouch.infrastructure.aws.order_table import OrderDynamoTable
from retouch.infrastructure.aws.tenant_table import TenantDynamoTable
from retouch.infrastructure.telemetry.budget_notices import BudgetNotices
from retouch.orders.charges import Ledger
from retouch.orders.reconciliation import (
    Finding,
    OutcomeKnown,
    find_unknown_order,
    reconcile_order,
)
from retouch.orders.stores import OrderTable
from retouch.tenants.limits import AT_COST
from retouch.tenants.rows import find_price_of_owner
from retouch.tenants.table import TenantTable
from tools.stack import CommandError, locate_stack, run_command, stack_outputs
from tools.tenant_keys import StackClients

_MAX_MICRO_DOLLARS = 10**12


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    options = _parse_arguments(arguments)
    return run_command(lambda: _run(options))


def reconcile(
    identifier: str,
    finding: Finding,
    table: OrderTable,
    ledger: Ledger | None,
    now: int,
    tenants: TenantTable | None = None,
) -> str:
    """Store what was found out about an unknown order, and return its new state. Raises CommandError."""
    try:
        order = find_unknown_order(table, identifier)
        if tenants and finding.needs_price and find_price_of_owner(tenants, order.scope) != AT_COST:
            raise CommandError(
                "The workspace of the order has a price of its own. Give PRICE, what its budgets are charged."
            )
        return reconcile_order(order, finding, table, ledger, now).state
    except (NotFound, OutcomeKnown) as error:
        raise CommandError(str(error)) from None


def read_amount(text: str) -> int | None:
    """Return an amount in micro-dollars, or None for an empty text. Raises CommandError."""
    if not text:
        return None
    try:
        amount = Decimal(text) * MICRO_DOLLARS
        if 0 <= amount <= _MAX_MICRO_DOLLARS and amount == amount.to_integral_value():
            return int(amount)
    except InvalidOperation:
        pass
    raise CommandError(
        f"{text!r} is not an amount. Give US dollars from 0 on, with at most six decimal places."
    )


def _run(options: argparse.Namespace) -> int:
    stack = locate_stack(options.stack, options.region)
    outputs = stack_outputs(stack)
    clients = StackClients(stack)
    table, ledger = OrderDynamoTable(outputs["OrdersTable"], clients), None
    if "BudgetsTable" in outputs:  # stacks of earlier versions have none
        budgets = BudgetDynamoTable(outputs["BudgetsTable"], clients)
        ledger = BudgetLedger(lambda: budgets, BudgetNotices(os.environ))
    tenants = (
        TenantDynamoTable(outputs["TenantsTable"], clients) if "TenantsTable" in outputs else None
    )
    finding = Finding(options.billed, read_amount(options.cost), read_amount(options.price))
    try:
        state = reconcile(options.order, finding, table, ledger, int(time.time()), tenants)
    except OrdersUnavailable as error:
        raise error.__cause__ or error from None
    print(f"The order {options.order} is now {state}.")
    return 0


def _parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.reconcile", description=__doc__)
    parser.add_argument("order", help="the id, x-retouch-order")
    parser.add_argument("--billed", required=True, choices=("no", "yes"))
    parser.add_argument("--cost", default="", help="what the provider took, in US dollars")
    parser.add_argument("--price", default="", help="what the budgets are charged; empty: the cost")
    parser.add_argument("--stack", default="retouch")
    parser.add_argument("--region", default="")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
