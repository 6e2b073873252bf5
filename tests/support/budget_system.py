"""Orders and budgets in memory, without a gateway."""

from datetime import date

from retouch.gateway.budgets.budget_holds import BudgetHolder
from retouch.gateway.budgets.budget_ledger import BudgetLedger
from retouch.orders import transitions
from retouch.orders.held_order import HeldOrder
from retouch.orders.order import random_order_key
from retouch.orders.stores import OrderStores
from retouch.orders.sweeper import sweep
from retouch.tenants.budget_rows import BudgetRow
from retouch.tenants.budgets import budgets_of_key
from retouch.tenants.keys import GatewayKey, Workspace
from retouch.tenants.limits import UsageLimit
from tests.support.budgets import InMemoryBudgets, RecordedNotices
from tests.support.orders import InMemoryOrders, answer, claim
from tests.support.services import FakeClock

LEASE_SECONDS = 100


class BudgetSystem:
    """Orders and budgets in memory, and one key with a budget of its own and one of its workspace."""

    def __init__(
        self,
        key_limit=1000,
        workspace_limit=1500,
        concurrency=None,
        make_budgets=InMemoryBudgets,
        **limit_fields,
    ):
        self.clock = FakeClock(today=date(2026, 11, 30))
        self.orders, self.budgets, self.notices = (
            InMemoryOrders(),
            make_budgets(),
            RecordedNotices(),
        )
        ledger = BudgetLedger(lambda: self.budgets, self.notices, clock=self.clock)
        self.stores = OrderStores(self.orders, self.orders, ledger=ledger)
        self.key_limit, self.workspace_limit = key_limit, workspace_limit
        self.concurrency = concurrency
        self.limit_fields = {"periodic_reset": "daily", **limit_fields}

    def key(self):
        def limits(amount):
            return () if amount is None else (UsageLimit("cost", amount, **self.limit_fields),)

        workspace = Workspace(
            id="w_1", slug="one", name="one", usage_limits=limits(self.workspace_limit)
        )
        return GatewayKey(
            id="k_1",
            name="one",
            workspace=workspace,
            usage_limits=limits(self.key_limit),
            concurrency=self.concurrency,
        )

    def open_order(self):
        now = self.clock.unix_time()
        order = transitions.claim_order(
            None,
            transitions.Claim(
                random_order_key(),
                "tenant",
                claim().fingerprint,
                "request",
                now + LEASE_SECONDS,
                86_400,
            ),
            now,
        )
        return HeldOrder(self.orders.write(order, None), self.stores, self.clock)

    def hold(self, held, amount):
        holder = BudgetHolder(held, self.budgets, self.stores, self.clock)
        return holder.hold(budgets_of_key(self.key(), self.clock.unix_time()), amount)

    def buy(self, amount, price=None, billed="yes"):
        held = self.open_order()
        self.hold(held, amount)
        held.mark_sent("config")
        return held if price is None else held.finish(answer(price=price, billed=billed))

    def row(self, account="key#k_1", period="2026-11-30"):
        return self.budgets.rows.get((account, period), BudgetRow())

    def sweep(self):
        return sweep(self.stores, None, self.clock.unix_time())
