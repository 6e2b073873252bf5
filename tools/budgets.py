"""Show the budgets of a key and of its workspace, or set the budget of the key.

    python -m tools.budgets shop-till
    python -m tools.budgets shop-till --set 20 --reset monthly
    python -m tools.budgets shop-till --set none

The name may be the id of a key. Amounts are US dollars. Keys from before there were workspaces have no budgets.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import replace

from retouch.core.pricing import to_micro_dollars
from retouch.gateway.budgets.budget_holds import row_name_of, usd_text
from retouch.infrastructure.aws.budget_table import BudgetDynamoTable
from retouch.tenants import rows
from retouch.tenants.audit import AuditEntry, audit_row
from retouch.tenants.budget_rows import BudgetRow
from retouch.tenants.budget_table import BudgetTable
from retouch.tenants.budgets import Budget, budgets_of_key
from retouch.tenants.keys import GatewayKey
from retouch.tenants.limits import RESET_PERIODS, UsageLimit
from retouch.tenants.new_keys import find_key_rows
from retouch.tenants.records import to_record
from retouch.tenants.table import RowWrite, TenantRow, TenantTable
from tools.stack import CommandError, locate_stack, run_command, stack_outputs
from tools.tenant_keys import StackClients, open_tenant_table

_ACTOR = "operator"
_NO_LIMIT = "none"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    options = _parse_arguments(arguments)
    return run_command(lambda: _run(options))


def set_budget(table: TenantTable, name: str, dollars: str, reset: str, now: int) -> None:
    """Store the budget of a key in place of its budgets of money. Raises CommandError."""
    row, key = _find_key(table, name)
    others = tuple(limit for limit in key.usage_limits if limit.type != "cost")
    limits = (*others, *_new_limits(dollars, reset))
    record = {**row.record, "usage_limits": [to_record(limit) for limit in limits]}
    before, after = (
        {"usage_limits": entry.get("usage_limits", [])} for entry in (row.record, record)
    )
    entry = AuditEntry(_ACTOR, "api_key.update", key.id, key.workspace.id, key.id, before, after)
    table.write([RowWrite(replace(row, record=record), row), RowWrite(audit_row(entry, now))])


def format_budgets(table: TenantTable, budgets: BudgetTable, name: str, now: int) -> str:
    """Return the budgets of a key and of its workspace as a text table. Raises CommandError."""
    _, key = _find_key(table, name)
    lines = [
        _line(budget, budgets.read(row_name_of(budget))) for budget in budgets_of_key(key, now)
    ]
    if not lines:
        return f"The key '{key.name}' and its workspace have no budgets."
    return "\n".join(
        ["scope      period       limit        taken        at risk      running", *lines]
    )


def _new_limits(dollars: str, reset: str) -> tuple[UsageLimit, ...]:
    if dollars == _NO_LIMIT:
        return ()
    try:
        amount = to_micro_dollars(float(dollars))
    except ValueError:
        amount = 0
    if amount <= 0:
        raise CommandError(
            f"{dollars!r} is not a budget. Give an amount in US dollars above 0, or 'none'."
        )
    period = next((known for known in RESET_PERIODS if known == reset), None)
    if reset and period is None:
        raise CommandError(
            f"{reset!r} is not a period. Use {', '.join(RESET_PERIODS)}, or leave it out."
        )
    return (UsageLimit("cost", amount, periodic_reset=period),)  # type: ignore[arg-type]


def _find_key(table: TenantTable, name: str) -> tuple[TenantRow, GatewayKey]:
    found = find_key_rows(table, name)
    if len(found) != 1:
        number = "no key" if not found else "several keys"
        raise CommandError(
            f"There is {number} '{name}'. `make keys` lists all keys with their ids."
        )
    key = rows.find_key_by_id(table, found[0].name)
    if key is None:
        raise CommandError(f"The workspace of the key '{name}' does not exist any more.")
    return found[0], key


def _line(budget: Budget, row: BudgetRow) -> str:
    if budget.usage.type == "tokens":
        amounts = [f"{budget.usage.credit_limit} tokens", f"{row.taken} tokens", "-"]
    else:
        limit = budget.limit.amount
        amounts = [
            "-" if limit is None else usd_text(limit),
            usd_text(row.taken),
            usd_text(row.at_risk),
        ]
    cells = [f"{budget.scope:10}", f"{budget.period.name:12}", *(f"{text:12}" for text in amounts)]
    return " ".join([*cells, f"{len(row.holds)} of {budget.limit.holds}"])


def _run(options: argparse.Namespace) -> int:
    stack = locate_stack(options.stack, options.region)
    outputs, now = stack_outputs(stack), int(time.time())
    table = open_tenant_table(outputs.get("TenantsTable", ""), stack)
    if options.set:
        set_budget(table, options.name, options.set, options.reset, now)
        print("It takes effect within a minute.")
    budgets = BudgetDynamoTable(outputs["BudgetsTable"], StackClients(stack))
    print(format_budgets(table, budgets, options.name, now))
    return 0


def _parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.budgets", description=__doc__)
    parser.add_argument("name", help="the name or the id of a key")
    parser.add_argument("--set", default="", help="the budget in US dollars, or none")
    parser.add_argument("--reset", default="", help="daily, weekly or monthly; empty: prepaid")
    parser.add_argument("--stack", default="retouch")
    parser.add_argument("--region", default="")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
