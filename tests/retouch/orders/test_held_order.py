"""Tests of an order that a request holds while its stores are slow."""

import time
from contextlib import contextmanager
from contextvars import ContextVar

import pytest

from retouch.core.errors import OrdersUnavailable
from retouch.orders import held_order, transitions
from retouch.orders.held_order import HeldOrder
from retouch.orders.order import Fingerprint, Submission
from retouch.orders.stores import OrderStores
from tests.support.orders import NOW, InMemoryOrders, answer, claim
from tests.support.services import FakeClock

SUBMISSION = Submission("config", 0, 202, {}, b"{}")


class HeldEdit:
    """A held order, and the memory that stores it."""

    def __init__(self, *, is_stored=True, seconds=1.0):
        self.store, self.clock = InMemoryOrders(), FakeClock()
        order = transitions.claim_order(None, claim(), NOW)
        if is_stored:
            order = self.store.write(order, None)
        self.held = HeldOrder(
            order,
            OrderStores(self.store, self.store),
            self.clock,
            is_stored=is_stored,
            deadline=self.clock.now() + seconds,
        )

    @property
    def stored(self):
        return self.store.read(self.held.order.key)

    def wait_for(self, state):
        end = time.monotonic() + 30
        while not (self.stored and self.stored.state == state):
            assert time.monotonic() < end
            time.sleep(0.01)


@pytest.fixture(autouse=True)
def short_optional_waits(monkeypatch):
    monkeypatch.setattr(held_order, "_OPTIONAL_WAIT_SECONDS", 0.05)
    monkeypatch.setattr(held_order, "_MAX_WAIT_SECONDS", 25.0)


@contextmanager
def without_long_wait():
    """Check that nothing waits for the store, which hangs for 30 seconds, or for the longest time."""
    start = time.monotonic()
    yield
    assert time.monotonic() - start < 20


def test_late_write_runs_in_the_context_of_its_own_request(monkeypatch):
    request, seen = ContextVar("request", default=""), []
    request.set("one")
    edit = HeldEdit()
    write = edit.store.write

    def write_late(*args, **named):
        written = write(*args, **named)
        seen.append(request.get())
        return written

    monkeypatch.setattr(edit.store, "write", write_late)
    edit.store.hang()
    edit.held.finish(answer())
    request.set("two")
    edit.store.resume()
    edit.wait_for("done")
    assert seen == ["one"]


def test_answer_does_not_wait_for_slow_stores_and_is_written_later():
    edit = HeldEdit()
    edit.held.mark_sent("config")
    edit.store.hang()
    with without_long_wait():
        assert edit.held.finish(answer()) == answer()
    edit.store.resume()
    edit.wait_for("done")
    assert edit.store.get(edit.held.order.id) == answer()


def test_end_at_the_deadline_still_has_time_for_its_write():
    edit = HeldEdit(seconds=0)
    edit.held.reopen()
    assert edit.stored.state == "open"


def test_job_does_not_wait_for_a_slow_table_and_is_written_in_its_order():
    edit = HeldEdit(seconds=60)
    edit.held.mark_sent("config")
    edit.store.hang()
    with without_long_wait():
        edit.held.add_submission(SUBMISSION)
    edit.store.resume()
    edit.held.release()
    assert edit.stored.submissions == (SUBMISSION,)
    assert edit.stored.is_released


def test_send_mark_of_a_key_waits_for_the_table_and_buys_nothing_without_it():
    edit = HeldEdit()
    edit.store.hang()
    with without_long_wait(), pytest.raises(OrdersUnavailable):
        edit.held.mark_sent("config")
    edit.store.resume()
    edit.held.reopen()
    assert edit.stored.state == "open"


def test_send_mark_without_a_key_does_not_wait_for_a_slow_table():
    edit = HeldEdit(is_stored=False, seconds=60)
    edit.store.hang()
    with without_long_wait():
        edit.held.begin(lambda: Fingerprint("f" * 64))
        edit.held.mark_sent("config")
    edit.store.resume()
    edit.wait_for("sent")


def test_first_write_that_is_late_is_followed_by_the_end():
    edit = HeldEdit(is_stored=False, seconds=60)
    edit.held.mark_sent("config")
    edit.store.hang()
    edit.held.begin(lambda: Fingerprint("f" * 64))
    assert edit.held.close()
    with without_long_wait():
        assert edit.held.finish(answer()) == answer()
    edit.store.resume()
    edit.wait_for("done")


def test_order_whose_answer_cannot_be_stored_is_not_done(monkeypatch):
    edit = HeldEdit(seconds=60)
    edit.held.mark_sent("config")

    def fail(*_):
        raise OrdersUnavailable("down")

    monkeypatch.setattr(edit.store, "put", fail)
    assert edit.held.finish(answer()) == answer()
    assert edit.stored.state == "sent"


def test_answer_is_stored_after_a_short_failure_and_ends_the_order(monkeypatch):
    edit = HeldEdit(seconds=60)
    edit.held.mark_sent("config")
    put, failures = edit.store.put, [OrdersUnavailable("down")] * 3

    def fail_three_times(*args):
        if failures:
            raise failures.pop()
        return put(*args)

    monkeypatch.setattr(edit.store, "put", fail_three_times)
    assert edit.held.finish(answer()) == answer()
    assert edit.stored.state == "done"
