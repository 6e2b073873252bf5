"""Tests of usage events after crashes: what the sweeper writes agrees with the budgets to the micro-dollar."""

import json
import threading
from dataclasses import replace

import pytest

from retouch.core.concurrency.pending_writes import finish_writes
from retouch.gateway.budgets.budget_ledger import BudgetLedger
from retouch.gateway.metering.order_usage import OrderUsage
from retouch.orders import transitions
from retouch.orders.order import Order, StoredAnswer
from retouch.orders.stores import OrderStores
from retouch.orders.sweeper import sweep
from retouch.tenants.budget_rows import BudgetRow
from retouch.tenants.keys import GatewayKey, Workspace
from retouch.tenants.limits import UsageLimit, WorkspacePrice
from retouch.usage.event import SECONDS_PER_DAY
from retouch.usage.recorder import UsageRecorder
from tests.support.budgets import InMemoryBudgets, RecordedNotices
from tests.support.events import form_event
from tests.support.gateway_client import file_part, send_event
from tests.support.images import b64, photo
from tests.support.killed_process import ProcessKilled
from tests.support.order_gateway import crash_after
from tests.support.orders import InMemoryOrders
from tests.support.services import FakeClock, build_services
from tests.support.upstream import ScriptedResponse, Upstream, json_response
from tests.support.usage import InMemoryUsage

KEY = "rt_" + "a" * 43
IMAGE = photo(64, 64)
FIELDS = {"model": "gpt-image-2", "prompt": "p", "image": file_part(IMAGE)}
ORDER_KEY = {"Idempotency-Key": '"order-4711"'}
USAGE = {"input_tokens": 10, "output_tokens": 1373, "total_tokens": 1383}
SUCCESS = {"created": 1, "data": [{"b64_json": b64(IMAGE)}], "usage": USAGE}
PRICE = WorkspacePrice(1_300_000, 7)


class Gateway:
    """A gateway whose orders, budgets and usage are in memory, and its sweeper."""

    def __init__(self, upstream, has_budget):
        self.upstream, self.clock = upstream, FakeClock()
        self.orders, self.budgets, self.usage = InMemoryOrders(), InMemoryBudgets(), InMemoryUsage()
        recorder = UsageRecorder(self.usage)
        ledger = BudgetLedger(lambda: self.budgets, RecordedNotices())
        self.stores = OrderStores(
            self.orders, self.orders, ledger=ledger, usage=OrderUsage(recorder)
        )
        limits = (UsageLimit("cost", 50_000_000),) if has_budget else ()
        workspace = Workspace(id="w_1", slug="one", name="one", price=PRICE)
        key = GatewayKey(id="k_1", name="one", workspace=workspace, usage_limits=limits)
        self.services = build_services(
            {
                "RETOUCH_AUTH_MODE": "keys",
                "RETOUCH_PEPPER": "p",
                "OPENAI_API_KEY": "k",
                "OPENAI_BASE_URL": upstream.url,
                "RETOUCH_CEILINGS": "openai/gpt-image-2=0.20",
            },
            self.clock,
            keys=_AnyKey(key),
            orders=self.stores,
            usage=recorder,
            open_budgets=lambda: self.budgets,
        )

    def send(self, headers=ORDER_KEY, fields=FIELDS):
        event = form_event(fields, {"authorization": f"Bearer {KEY}", **headers})
        try:
            return send_event(event, services=self.services)
        finally:
            finish_writes()

    def answer(self, *responses):
        self.upstream.responses[:] = responses

    def sweep(self, ahead=0):
        sweep(self.stores, None, self.clock.unix_time() + ahead)

    @property
    def events(self):
        return [event for _, event in sorted(self.usage.events.items(), key=lambda item: item[0])]

    @property
    def order(self):
        (order,) = self.orders.orders.values()
        return order

    @property
    def price(self):
        return sum(event.price for event in self.events)

    @property
    def row(self):
        return self.budgets.rows.get(("key#k_1", "all"), BudgetRow())

    def reconcile(self, billed, cost=""):
        """Do what `make reconcile` does."""
        order, now = self.order, self.clock.unix_time()
        self.orders.write(transitions.reconcile(order, billed, cost, now, 86_400), order)

    def check_agreement(self):
        """Check that the events and the budget agree, and that nothing is left to do."""
        if self.row != BudgetRow():
            assert self.row.spent == self.row.taken == self.price
            assert not self.row.holds
        assert not self.order.is_usage_owed
        before = dict(self.usage.events)
        self.clock.advance(900)
        self.sweep()
        assert self.usage.events == before


class _AnyKey(dict[str, GatewayKey]):
    """Finds the key of the gateway under every digest."""

    def __init__(self, key):
        super().__init__(key=key)
        self._key = key

    def get(self, digest, default=None):
        return self._key


@pytest.fixture(params=[True, False], ids=["with budget", "without budget"])
def gateway(request):
    with Upstream(json_response(SUCCESS)) as upstream:
        yield Gateway(upstream, request.param)


@pytest.fixture
def paid(gateway):
    """Return what an edit costs and is charged, from one that nothing disturbed."""
    gateway.send({"Idempotency-Key": '"undisturbed"'})
    (event,) = gateway.events
    gateway.usage.events.clear()
    gateway.budgets.rows.clear()
    gateway.orders.orders.clear()
    assert event.price == PRICE.apply_to(event.cost, 1)
    return event


def test_edit_that_nothing_disturbs_leaves_no_usage_in_its_order(gateway, paid):
    gateway.send()
    assert gateway.order.usage == ""
    gateway.check_agreement()
    assert gateway.price == paid.price


def test_crash_after_the_send_mark_counts_as_spent_and_at_risk(gateway):
    crash_after(gateway, "sent")
    assert gateway.events == []
    gateway.sweep()
    (event,) = gateway.events
    assert (event.status, event.code) == (502, "order_outcome_unknown")
    assert (event.billed, event.provider, event.model) == ("unknown", "openai", "gpt-image-2")
    assert event.price == event.at_risk > 0
    gateway.check_agreement()


def test_crash_between_answer_and_order_gets_its_event_from_the_answer(gateway, paid):
    put = gateway.orders.put

    def store_and_die(order_id, answer):
        put(order_id, answer)
        raise ProcessKilled

    gateway.orders.put = store_and_die
    gateway.usage.is_down = True  # the process ends before its event is written
    with pytest.raises(ProcessKilled):
        gateway.send()
    gateway.orders.put, gateway.usage.is_down = put, False
    gateway.clock.advance(200)
    gateway.sweep()
    (event,) = gateway.events
    assert (event.status, event.billed, event.cost) == (200, "yes", paid.cost)
    assert (event.price, event.at_risk, event.pictures) == (paid.price, 0, 1)
    assert (event.text_in, event.image_out) == (10, 1373)
    gateway.check_agreement()


def test_crash_after_the_event_counts_the_edit_once(gateway, paid):
    write = gateway.orders.write

    def die_at_the_end(order, replaces):
        if order.state == "done":
            raise ProcessKilled
        return write(order, replaces)

    gateway.orders.write = die_at_the_end
    with pytest.raises(ProcessKilled):
        gateway.send()
    gateway.orders.write = write
    assert len(gateway.events) == 1
    gateway.clock.advance(200)
    gateway.sweep()
    assert gateway.events == [replace(paid, order=gateway.order.id, time=gateway.events[0].time)]
    gateway.check_agreement()


def test_event_that_could_not_be_written_stays_in_the_order(gateway, paid):
    gateway.usage.is_down = True
    assert gateway.send().status == 200
    assert gateway.order.state == "done"
    assert gateway.order.is_usage_owed
    gateway.clock.advance(200)
    gateway.sweep()
    assert gateway.order.is_usage_owed, "the table is still down"
    gateway.usage.is_down = False
    gateway.sweep()
    assert gateway.price == paid.price
    gateway.check_agreement()


def test_sweeper_that_dies_after_the_event_writes_it_once(gateway):
    crash_after(gateway, "sent")
    write = gateway.orders.write
    died: list[Order] = []

    def die_once(order, replaces):
        if order.state == "unknown" and "~" in order.usage and not died:
            died.append(order)
            raise ProcessKilled
        return write(order, replaces)

    gateway.orders.write = die_once
    with pytest.raises(ProcessKilled):
        gateway.sweep()
    gateway.sweep()
    assert len(died) == len(gateway.events) == 1
    gateway.check_agreement()


@pytest.mark.parametrize("step", ["crash", "reset"])
def test_reconciliation_as_not_billed_gives_the_money_back_once(gateway, step):
    if step == "crash":
        crash_after(gateway, "sent")
    else:
        gateway.answer(ScriptedResponse(network_failure="cut", body=b"{" * 100))
        assert gateway.send().headers["x-retouch-billed"] == "unknown"
        gateway.clock.advance(200)
    gateway.sweep()
    at_risk = gateway.price
    assert at_risk > 0
    gateway.check_agreement()
    gateway.reconcile("no")
    for _ in range(2):
        gateway.sweep()
    assert [event.price for event in gateway.events] == [at_risk, -at_risk]
    assert gateway.events[1].adjusts == gateway.order.id
    assert sum(event.at_risk for event in gateway.events) == gateway.price == 0
    gateway.check_agreement()


def test_reconciliation_with_the_real_cost_charges_it(gateway):
    crash_after(gateway, "sent")
    gateway.sweep()
    gateway.reconcile("yes", "0.0412")
    gateway.sweep()
    has_budget = gateway.row != BudgetRow()
    assert sum(event.cost for event in gateway.events) == 41_200
    assert gateway.price == (41_200 if has_budget else PRICE.apply_to(41_200, 0))
    gateway.check_agreement()


def test_late_answer_of_a_holder_that_was_given_up_corrects_the_sum(gateway, paid):
    response = json_response(SUCCESS)
    response.delay = 1.0
    gateway.answer(response)
    gateway.upstream.received.clear()
    thread = threading.Thread(target=gateway.send)
    thread.start()
    while not gateway.upstream.calls:
        threading.Event().wait(0.01)
    gateway.sweep(ahead=200)
    assert gateway.order.state == "unknown"
    assert gateway.price > 0
    thread.join()
    assert gateway.order.state == "done"
    gateway.sweep(ahead=200)
    assert (gateway.price, sum(e.cost for e in gateway.events)) == (paid.price, paid.cost)
    gateway.check_agreement()


def test_event_of_a_closed_day_is_written_on_the_day_on_which_it_is_known(gateway):
    crash_after(gateway, "sent")
    gateway.clock.advance(5 * SECONDS_PER_DAY)
    gateway.sweep()
    assert gateway.events == []
    swept = gateway.clock.unix_time()
    gateway.clock.advance(900)
    gateway.sweep()
    (event,) = gateway.events
    assert event.time == swept
    gateway.check_agreement()


def test_failures_before_a_success_are_kept_with_it(gateway, paid):
    gateway.answer(json_response({"error": {"message": "slow"}}, 429), json_response(SUCCESS))
    targets = [{"provider": "openai"}, {"provider": "openai"}]
    config = {"strategy": {"mode": "fallback"}, "targets": targets}
    gateway.usage.is_down = True
    gateway.send({**ORDER_KEY, "x-portkey-config": json.dumps(config)})
    gateway.usage.is_down = False
    gateway.clock.advance(200)
    gateway.sweep()
    found = [(event.status, event.attempt, event.is_final) for event in gateway.events]
    assert found == [(429, 1, False), (200, 2, True)]
    gateway.check_agreement()


def test_usage_that_nobody_can_read_does_not_stop_the_sweep(gateway):
    crash_after(gateway, "sent")
    order = gateway.order
    gateway.orders.write(replace(order, usage="{broken"), order)
    gateway.sweep()
    assert gateway.order.state == "unknown"
    assert gateway.events == []


def test_answer_that_is_no_json_still_gives_its_event(gateway):
    crash_after(gateway, "sent")
    stored = StoredAnswer(200, {}, b"Error 502: too late", "yes", "0.0412")
    gateway.orders.put(gateway.order.id, stored)
    gateway.sweep()
    (event,) = gateway.events
    assert (event.cost, event.pictures, event.at_risk) == (41_200, 0, 0)
