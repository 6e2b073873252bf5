"""Measure what budgets add to an edit: the same order with and without the budgets of a key and its workspace.

Orders and budgets are in a folder, as in `make run`, so each write is a transaction of SQLite. On AWS, each write is
one request to DynamoDB, of a few milliseconds.
"""

from __future__ import annotations

import sys
import tempfile
import time
from statistics import median

from bench.progress import Progress
from retouch.core.clock import SystemClock
from retouch.gateway.budgets.budget_holds import BudgetHolder
from retouch.gateway.budgets.budget_ledger import BudgetLedger
from retouch.infrastructure.local.budget_folder import BudgetFolderTable
from retouch.infrastructure.local.order_folder import AnswerFolder, OrderFolderTable
from retouch.infrastructure.telemetry.budget_notices import BudgetNotices
from retouch.orders.held_order import HeldOrder
from retouch.orders.order import Fingerprint, StoredAnswer, random_order_key
from retouch.orders.stores import OrderStores
from retouch.orders.transitions import Claim, claim_order
from retouch.tenants.budgets import budgets_of_key
from retouch.tenants.keys import GatewayKey, Workspace
from retouch.tenants.limits import UsageLimit

WITHOUT, WITH = "an order without budgets", "an order with two budgets"
_WARM_UP_TURNS, _CEILING, _PRICE = 3, 50_000, 40_000
_LIMITS = (UsageLimit("cost", 10**12, periodic_reset="monthly"),)


def run(turns: int) -> str:
    """Measure and return the report in markdown."""
    with tempfile.TemporaryDirectory() as folder:
        return results_table(measure(folder, turns))


def measure(folder: str, turns: int) -> dict[str, list[float]]:
    """Return the milliseconds of both kinds of orders. The one that runs first alternates."""
    milliseconds: dict[str, list[float]] = {WITHOUT: [], WITH: []}
    table = BudgetFolderTable(folder)
    ledger = BudgetLedger(lambda: table, BudgetNotices({}))
    stores = OrderStores(OrderFolderTable(folder), AnswerFolder(folder), ledger=ledger)
    progress = Progress(turns + _WARM_UP_TURNS)
    for turn in range(turns + _WARM_UP_TURNS):
        for name in (WITHOUT, WITH) if turn % 2 else (WITH, WITHOUT):
            started = time.perf_counter()
            _make_order(stores, table if name == WITH else None)
            if turn >= _WARM_UP_TURNS:
                milliseconds[name].append(1000 * (time.perf_counter() - started))
        progress.advance("budgets")
    progress.finish()
    return milliseconds


def results_table(milliseconds: dict[str, list[float]]) -> str:
    """Return a table of the medians, and what the budgets add."""
    medians = {name: median(times) for name, times in milliseconds.items()}
    rows = [f"| {name} | {ms:.1f} |" for name, ms in medians.items()]
    added = medians[WITH] - medians[WITHOUT]
    return "\n".join(
        ["| | ms |", "|---|---|", *rows, "", f"Two budgets add {added:.1f} ms to an edit."]
    )


def _make_order(stores: OrderStores, table: BudgetFolderTable | None) -> None:
    """Claim an order, hold its budgets, mark it as sent and finish it."""
    clock = SystemClock()
    now = clock.unix_time()
    claim = Claim(random_order_key(), "bench", Fingerprint(""), "request", now + 960, 86_400)
    order = stores.table.write(claim_order(None, claim, now), None)
    held = HeldOrder(order, stores, clock)
    if table:
        workspace = Workspace(id="w", slug="w", name="w", usage_limits=_LIMITS)
        key = GatewayKey(id="k", name="k", workspace=workspace, usage_limits=_LIMITS)
        BudgetHolder(held, table, stores, clock).hold(budgets_of_key(key, now), _CEILING)
    held.mark_sent("config")
    held.finish(StoredAnswer(200, {}, b"{}", "yes", "0.04", _PRICE))


if __name__ == "__main__":
    print(run(int(sys.argv[1]) if len(sys.argv) > 1 else 40))
