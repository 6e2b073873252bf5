"""Tests of the state machine: random interleavings of several actors against what must never happen."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retouch.core.errors import OrderInProgress, OrderOutcomeUnknown
from retouch.orders.claimant import Claimant, OrderReplay
from retouch.orders.order import Submission, key_of_order, order_key
from retouch.orders.stores import OrderStores
from retouch.orders.sweeper import sweep
from retouch.orders.transitions import (
    claim_order,
    decide_claim,
    declare_unknown,
    mark_sent,
    reconcile,
)
from tests.support.orders import NOW, InMemoryOrders, answer, claim
from tests.support.services import FakeClock

ACTORS = 3
STEPS = ("claim", "mark", "submit", "finish", "fail free", "die", "sweep", "time")


class Actor:
    """One worker process. It dies and comes back as another request."""

    def __init__(self, number, system):
        self.number, self.system = number, system
        self.requests, self.held, self.has_paid, self.is_frozen = 0, None, False, False

    def claim(self):
        if self.held:
            return
        self.requests += 1
        clock = self.system.clock
        request = claim(request_id=f"{self.number}-{self.requests}", lease=clock.unix_time() + 100)
        try:
            outcome = Claimant(request, self.system.stores, clock, clock.now()).run()
        except (OrderInProgress, OrderOutcomeUnknown):
            return
        if isinstance(outcome, OrderReplay):
            self.system.answers_given.add(outcome.answer.body)
        else:
            self.held, self.has_paid = outcome, outcome.is_resumed

    def mark(self):
        if self.held and not self.has_paid:
            try:
                self.held.mark_sent("config")
            except OrderInProgress:
                self.held = None
                return
            self.has_paid = True
            self.system.paid_calls += 1

    def submit(self):
        if self.held and self.has_paid and not self.held.is_pending:
            self.held.add_submission(Submission("config", 0, 200, {}, b"job"))

    def finish(self):
        if self.held and self.has_paid:
            own = f"{self.number}-{self.requests}".encode()
            body = b"picture of the job" if self.held.is_pending else own
            given = self.held.finish(answer(body))
            self.system.answers_given.add(given.body)
            self.held = None

    def fail_free(self):
        if self.held and not self.has_paid:
            self.held.reopen()
            self.held = None

    def die(self):
        self.held = None


class OrderSystem:
    def __init__(self):
        self.clock, orders = FakeClock(), InMemoryOrders()
        self.orders, self.stores = orders, OrderStores(orders, orders)
        self.actors = [Actor(number, self) for number in range(ACTORS)]
        self.paid_calls, self.answers_given = 0, set()

    def run(self, step, number):
        if step == "sweep":
            sweep(self.stores, None, self.clock.unix_time())
        elif step == "time":
            self.clock.sleep(101)
        else:
            getattr(self.actors[number], step.replace(" ", "_"))()


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, ACTORS - 1)), max_size=60))
def test_no_interleaving_buys_twice_or_gives_two_answers(steps):
    system = OrderSystem()
    final = None
    for step, number in steps:
        system.run(step, number)
        stored = next(iter(system.orders.orders.values()), None)
        assert system.paid_calls <= 1
        assert len(system.answers_given) <= 1
        if final:
            assert stored == final
        if stored and stored.state == "done":
            final = stored


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, ACTORS - 1)), max_size=40))
def test_nothing_is_listed_as_abandoned_after_two_sweeps(steps):
    system = OrderSystem()
    for step, number in steps:
        system.run(step, number)
    for actor in system.actors:
        actor.die()
    system.clock.sleep(1000)
    for _ in range(2):
        sweep(system.stores, None, system.clock.unix_time())
    assert not system.orders.list_abandoned(system.clock.unix_time())
    assert all(not one.is_listed for one in system.orders.orders.values())


@pytest.mark.parametrize("state", ["done", "unknown", "open", "accepted", "sent", "submitted"])
def test_expired_order_makes_room_for_a_new_one_and_one_second_before_it_does_not(state):
    old = replace(claim_order(None, claim(), NOW), state=state, expires=NOW + 10, lease=NOW + 5)
    assert decide_claim(old, claim(), NOW + 10) == "claim"
    assert claim_order(old, claim(), NOW + 10).id != old.id
    if state in ("done", "unknown"):
        assert decide_claim(old, claim(), NOW + 9) == state


@pytest.mark.parametrize(("state", "decision"), [("accepted", "claim"), ("sent", "settle")])
def test_order_is_free_in_the_second_in_which_its_lease_ends_and_not_before(state, decision):
    order = replace(claim_order(None, claim(lease=NOW + 5), NOW), state=state)
    assert decide_claim(order, claim(), NOW + 4) == "wait"
    assert decide_claim(order, claim(), NOW + 5) == decision


def test_key_of_an_order_is_in_its_id():
    order = claim_order(None, claim(), NOW)
    assert key_of_order(order.id) == order.key
    for text in (
        "",
        "ord_",
        order.id[:-1],
        order.id + "0",
        "edit_" + order.id[4:],
        "ord_" + "#" * 34,
    ):
        with pytest.raises(ValueError, match="An order's id"):
            key_of_order(text)


def test_scopes_with_the_same_key_have_different_orders():
    assert order_key("a", "bc") != order_key("ab", "c")


@pytest.mark.parametrize(("billed", "state"), [("no", "open"), ("yes", "done")])
def test_reconciled_order_is_open_when_it_was_free_and_else_done(billed, state):
    unknown = declare_unknown(mark_sent(claim_order(None, claim(), NOW), "config", NOW), NOW, 60)
    order = reconcile(unknown, billed, "0.04", NOW, 60)
    assert (order.state, order.billed) == (state, billed)


def test_reconciled_order_is_kept_at_least_as_long_as_its_key_was_promised_to_be_valid():
    sent = mark_sent(claim_order(None, claim(), NOW), "config", NOW)
    unknown = declare_unknown(sent, NOW, validity=30 * 86_400)
    order = reconcile(unknown, "yes", "0.04", NOW + 60, validity=86_400)
    assert order.expires == unknown.expires
    later = reconcile(unknown, "yes", "0.04", NOW + 60, validity=40 * 86_400)
    assert later.expires == NOW + 60 + 40 * 86_400
