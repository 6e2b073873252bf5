"""Charges of orders and rows of budgets together: a model-based test with crashes, sweeps and changing limits."""

from contextlib import suppress
from datetime import date

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from retouch.core.errors import BudgetUnavailable, Fault
from retouch.gateway.budgets.budget_holds import usd_text
from retouch.orders import transitions
from retouch.orders.abandoned import settle_abandoned
from retouch.orders.charges import Outcome
from retouch.tenants.budget_errors import BudgetExceeded, TooManyAtOnce
from retouch.tenants.budget_rows import BudgetRow
from tests.support.budget_system import LEASE_SECONDS, BudgetSystem
from tests.support.budgets import InMemoryBudgets, RepeatingBudgets
from tests.support.orders import answer

DAY = 86_400
AMOUNTS = st.integers(1, 400)


def test_settlement_frees_what_the_edit_did_not_cost_in_every_budget():
    system = BudgetSystem()
    system.buy(300, price=123)
    for account in ("key#k_1", "ws#w_1"):
        assert system.row(account) == BudgetRow(taken=123, spent=123)
    assert system.open_order().order.charges == ()


def test_refusal_of_the_workspace_releases_the_key():
    system = BudgetSystem(workspace_limit=100)
    held = system.open_order()
    with pytest.raises(BudgetExceeded, match="workspace") as refusal:
        system.hold(held, 200)
    assert (refusal.value.status, refusal.value.should_retry) == (429, False)
    assert system.row() == BudgetRow()
    assert held.order.charges == ()


def test_refusal_names_the_limit_the_ceiling_the_rest_and_the_reset():
    system = BudgetSystem(key_limit=1_000_000, workspace_limit=None)
    system.buy(600_000, price=550_000)
    with pytest.raises(BudgetExceeded) as refusal:
        system.hold(system.open_order(), 600_000)
    text = str(refusal.value)
    assert "is $1.00. $0.45 is left" in text
    assert "up to $0.60" in text
    assert "2026-12-01 00:00 UTC" in text


def test_concurrency_is_the_number_of_holds():
    system = BudgetSystem(key_limit=None, workspace_limit=None, concurrency=2)
    held = [system.open_order() for _ in range(3)]
    system.hold(held[0], 0)
    system.hold(held[1], 0)
    with pytest.raises(TooManyAtOnce) as refusal:
        system.hold(held[2], 0)
    assert refusal.value.retry_after == 5
    held[0].settle_charges(Outcome("no"))
    system.hold(held[2], 0)


def test_free_failure_gives_everything_back_and_unknown_one_counts_as_at_risk():
    system = BudgetSystem()
    system.buy(300).settle_charges(Outcome("no"))
    assert system.row() == BudgetRow()
    held = system.buy(300)
    held.settle_charges(Outcome("unknown"))
    row = system.row()
    assert (row.taken, row.spent, row.at_risk) == (300, 300, 300)
    assert [charge.state for charge in held.order.charges] == ["at_risk"] * 2


def test_price_above_the_hold_is_counted_and_reported():
    system = BudgetSystem(key_limit=500)
    system.buy(400, price=4000)
    assert system.row().spent == 4000
    assert system.notices.overruns[0] == ("key#k_1", 3600)
    with pytest.raises(BudgetExceeded):
        system.buy(1)


def test_hold_of_midnight_is_settled_in_its_own_period():
    system = BudgetSystem()
    held = system.buy(300)
    system.clock.advance(DAY)
    held.finish(answer(price=200))
    assert system.row() == BudgetRow(200, 200)
    assert system.row(period="2026-12-01") == BudgetRow()
    system.buy(1000, price=1000)
    assert system.row(period="2026-12-01").spent == 1000


def test_threshold_is_reported_once_in_a_period():
    system = BudgetSystem(alert_threshold=250, workspace_limit=None)
    for _ in range(4):
        system.buy(100, price=90)
    assert system.notices.thresholds == [("key#k_1", "2026-11-30")]


def test_next_refusal_settles_what_a_dead_process_holds():
    system = BudgetSystem(key_limit=500)
    system.hold(system.open_order(), 300)  # its process ends before the send mark
    with pytest.raises(BudgetExceeded):
        system.buy(300)
    system.clock.advance(LEASE_SECONDS + 1)
    system.buy(300, price=300)
    assert system.row() == BudgetRow(300, 300)


def test_sweeper_counts_what_may_have_been_bought():
    system = BudgetSystem()
    system.buy(300)  # its process ends after the send mark
    system.clock.advance(LEASE_SECONDS + 1)
    assert system.sweep() == {"unknown": 1}
    row = system.row()
    assert (row.taken, row.spent, row.at_risk, row.holds) == (300, 300, 300, {})
    assert system.sweep() == {}


def test_sweeper_settles_at_the_price_of_a_stored_answer():
    system = BudgetSystem()
    held = system.buy(300)
    system.orders.put(held.order.id, answer(price=120))
    system.clock.advance(LEASE_SECONDS + 1)
    assert system.sweep() == {"done": 1}
    assert system.row() == BudgetRow(120, 120)


def test_charges_are_settled_by_the_sweeper_when_the_table_was_down_at_the_end():
    system = BudgetSystem()
    held = system.buy(300)
    system.budgets.is_down = True
    held.finish(answer(price=120))
    (stored,) = system.orders.orders.values()
    assert (stored.state, stored.is_listed) == ("done", True)
    system.budgets.is_down = False
    system.clock.advance(LEASE_SECONDS + 1)
    system.sweep()
    assert system.row() == BudgetRow(120, 120)
    (stored,) = system.orders.orders.values()
    assert (stored.charges, stored.is_listed) == ((), False)


def test_nothing_is_bought_while_the_table_is_down():
    system = BudgetSystem()
    system.budgets.is_down = True
    with pytest.raises(BudgetUnavailable) as refusal:
        system.buy(300)
    assert refusal.value.should_retry is True


@pytest.mark.parametrize(("billed", "cost", "spent"), [("no", "", 0), ("yes", "0.000123", 123)])
def test_reconciled_order_moves_its_money_once(billed, cost, spent):
    system = BudgetSystem()
    system.buy(300)
    system.clock.advance(LEASE_SECONDS + 1)
    system.sweep()
    (order,) = system.orders.orders.values()
    known = transitions.reconcile(order, billed, cost, system.clock.unix_time(), 86_400)
    known = system.orders.write(known, replaces=order)
    settle_abandoned(known, system.stores, system.clock.unix_time())
    row = system.row()
    assert (row.taken, row.spent, row.at_risk, row.holds) == (spent, spent, 0, {})
    (order,) = system.orders.orders.values()
    assert not transitions.can_be_reconciled(order)


def test_late_answer_of_an_unknown_order_corrects_its_price():
    system = BudgetSystem()
    held = system.buy(300)
    system.clock.advance(LEASE_SECONDS + 1)
    system.sweep()
    held.finish(answer(price=120))
    row = system.row()
    assert (row.taken, row.spent, row.at_risk, row.holds) == (120, 120, 0, {})


def test_amounts_are_written_with_as_many_digits_as_they_have():
    assert [usd_text(n) for n in (0, 500_000, 41_200, 1_000_001)] == [
        "$0.00",
        "$0.50",
        "$0.0412",
        "$1.000001",
    ]


class Budgets(RuleBasedStateMachine):
    """Holds, settlements, crashes and sweeps in any order, against a ledger that only adds."""

    @initialize(
        limit=st.integers(200, 1500),
        make_budgets=st.sampled_from([InMemoryBudgets, RepeatingBudgets]),
    )
    def begin(self, limit, make_budgets):
        self.system = BudgetSystem(key_limit=limit, make_budgets=make_budgets)
        self.running, self.spent, self.overruns, self.largest_limit = [], {}, {}, {}

    @property
    def period(self):
        day = self.system.clock.unix_time() // DAY
        return str(date.fromordinal(date(1970, 1, 1).toordinal() + day))

    @rule(amount=AMOUNTS)
    def hold(self, amount):
        system = self.system
        limit = self.largest_limit.get(self.period, 0)
        self.largest_limit[self.period] = max(limit, system.key_limit)
        held = system.open_order()
        with suppress(BudgetExceeded):
            system.hold(held, amount)
            held.mark_sent("config")
            lease = system.clock.unix_time() + LEASE_SECONDS
            self.running.append((held, self.period, amount, lease))

    @rule(price=AMOUNTS)
    def finish(self, price):
        for held, period, amount, _ in self._take_live():
            held.finish(answer(price=price))
            self._count(period, price, amount)

    @rule()
    def fail_free(self):
        for held, *_ in self._take_live():
            held.settle_charges(Outcome("no"))
            held.reopen()

    @rule(price=AMOUNTS)
    def crash_after_the_answer(self, price):
        for held, period, amount, _ in self._take_live():
            self.system.orders.put(held.order.id, answer(price=price))
            self._count(period, price, amount)

    @rule()
    def crash_after_the_send_mark(self):
        for _, period, amount, _ in self._take_live():
            self._count(period, amount, amount)

    @rule(amount=AMOUNTS)
    def crash_after_the_hold(self, amount):
        self.largest_limit[self.period] = max(
            self.largest_limit.get(self.period, 0), self.system.key_limit
        )
        with suppress(BudgetExceeded):
            self.system.hold(self.system.open_order(), amount)

    @rule(amount=AMOUNTS)
    def lose_the_table_during_a_hold(self, amount):
        system, held = self.system, self.system.open_order()
        system.budgets.is_down = True
        with suppress(Fault):
            system.hold(held, amount)
        system.budgets.is_down = False
        held.reopen()

    @rule(limit=st.integers(100, 2000))
    def change_the_limit(self, limit):
        self.system.key_limit = limit

    @rule(seconds=st.sampled_from([1, LEASE_SECONDS + 1, DAY]))
    def let_time_pass(self, seconds):
        self.system.clock.advance(seconds)
        now = self.system.clock.unix_time()
        for held, period, amount, lease in list(self.running):
            if lease < now:  # a function ends before its lease
                self._count(period, amount, amount)
                self.running.remove((held, period, amount, lease))

    @rule()
    def run_the_sweeper(self):
        self.system.sweep()

    @invariant()
    def no_row_exceeds_its_limit(self):
        for (account, period), row in self.system.budgets.rows.items():
            assert row.taken == row.spent + sum(hold.amount for hold in row.holds.values())
            if account == "key#k_1":
                most = self.largest_limit.get(period, 0) + self.overruns.get(period, 0)
                assert row.taken <= most

    def teardown(self):
        if not hasattr(self, "system"):
            return
        for _, period, amount, _ in self.running:
            self._count(period, amount, amount)
        self.system.clock.advance(LEASE_SECONDS + 1)
        for _ in range(2):
            self.system.sweep()
        for (_, period), row in self.system.budgets.rows.items():
            assert (row.spent, row.holds) == (self.spent.get(period, 0), {})
            assert row.taken == row.spent
        assert all(not one.is_listed for one in self.system.orders.orders.values())

    def _take_live(self):
        return [self.running.pop(0)] if self.running else []

    def _count(self, period, price, amount):
        self.spent[period] = self.spent.get(period, 0) + price
        self.overruns[period] = self.overruns.get(period, 0) + max(0, price - amount)


TestBudgets = Budgets.TestCase
TestBudgets.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
