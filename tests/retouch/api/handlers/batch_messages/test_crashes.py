"""Tests of workers that die, of messages that arrive twice or not at all, and of dead letters."""

import json

import pytest

from retouch.api.handlers.sweeper import build_handler as build_sweeper
from retouch.batches import feeding
from retouch.batches.batch import WINDOW_SECONDS
from retouch.batches.feeding import CHUNK_LINES
from retouch.batches.transitions import GIVE_UP_SECONDS
from retouch.core.errors import OrdersUnavailable
from retouch.orders.sweeper import sweep as sweep_orders
from tests.support.batches import BatchGateway, batch_line, lines_of
from tests.support.images import data_url
from tests.support.jobs import DEAD_LETTERS
from tests.support.killed_process import ProcessKilled
from tests.support.upstream import Upstream


def test_worker_that_dies_at_any_write_of_the_batch_leaves_it_to_the_next_one(monkeypatch):
    """Kill the worker before and after each write of the batch's rows and files, one after another."""
    monkeypatch.setattr(feeding, "CHUNK_LINES", 2)
    kills = 0
    while True:
        with Upstream() as upstream:
            gateway = BatchGateway(upstream)
            identifier = gateway.create([*lines_of(4), batch_line(200, data_url(b"no image"))])
            was_killed = run_and_kill_at(gateway, kills, identifier)
            batch = gateway.run(identifier)
            counts = {"total": 5, "completed": 4, "failed": 1}
            assert (batch["status"], batch["request_counts"]) == ("completed", counts), kills
            assert set(gateway.paid_prompts.values()) == {1}, kills
            assert len(gateway.results(batch["output_file_id"])) == 4
            assert len(gateway.results(batch["error_file_id"])) == 1
        if not was_killed:
            break
        kills += 1
    assert kills >= 20


def run_and_kill_at(gateway, moment, identifier):
    """Let the worker die at the write with this number. Return whether there was one."""
    moments = 0

    def count(*_):
        nonlocal moments
        moments += 1
        if moments == moment + 1:
            raise ProcessKilled

    gateway.rows.on_write, gateway.contents.on_put = count, count
    try:
        gateway.run(identifier)
        return False
    except ProcessKilled:
        gateway.rows.on_write, gateway.contents.on_put = (lambda *_: None), (lambda *_: None)
        gateway.clock.advance(200)  # the lease is over, and the message comes again
        if not gateway.steps.messages:
            gateway.clock.advance(900)
            sweep(gateway)
        return True


def sweep(gateway):
    class Silent:
        def record_sweep(self, counts):
            pass

    handler = build_sweeper(None, None, gateway.batch_stores, gateway.clock, Silent(), lambda: None)
    return handler({"detail-type": "Scheduled Event"}, None)


def test_batch_without_a_message_is_woken_by_the_sweeper(gateway):
    identifier = gateway.create(lines_of(1))
    gateway.steps.messages.clear()
    assert sweep(gateway) == {}
    gateway.clock.advance(901)
    assert sweep(gateway) == {"batches": 1}
    assert gateway.run(identifier)["status"] == "completed"
    gateway.clock.advance(5000)
    assert sweep(gateway) == {}


def test_line_that_waits_for_hours_gets_no_second_message_from_the_sweeper(gateway):
    gateway.create(lines_of(2))
    gateway.step()
    gateway.clock.advance(WINDOW_SECONDS - 1)
    assert sweep_orders(gateway.services.orders, gateway.queue, gateway.clock.unix_time()) == {}
    gateway.clock.advance(2)
    counts = sweep_orders(gateway.services.orders, gateway.queue, gateway.clock.unix_time())
    assert counts == {"cancelled": 2}
    assert gateway.queue.messages == []


def test_message_that_arrives_twice_does_nothing_more(gateway):
    identifier = gateway.create(lines_of(2))
    message, _ = gateway.steps.messages[0]
    gateway.step()
    assert len(gateway.steps.messages) == 1
    assert gateway.deliver(message)
    assert len(gateway.steps.messages) == 1
    assert len(gateway.lines.messages) == 2
    assert gateway.run(identifier)["status"] == "completed"


def test_message_for_a_held_batch_waits_for_the_end_of_its_lease(gateway):
    identifier = gateway.create(lines_of(2))
    message, _ = gateway.steps.messages[0]
    seen: list[bool] = []

    def deliver_again(moment, row):
        if moment == "after" and not seen:
            seen.append(gateway.deliver(message, request_id="worker-2"))

    gateway.rows.on_write = deliver_again
    gateway.step()
    assert seen == [False]
    assert gateway.queue.delays[0] >= 60
    assert len(gateway.steps.messages) == 1
    assert len(gateway.lines.messages) == 2
    assert gateway.run(identifier)["status"] == "completed"
    assert gateway.deliver(message)
    assert gateway.steps.messages == []


def test_step_that_fails_is_done_again_by_its_message(gateway):
    identifier = gateway.create(lines_of(2))
    send_all = gateway.lines.send_all

    def fail_once(_):
        gateway.lines.send_all = send_all
        raise OrdersUnavailable("The queue is down.")

    gateway.lines.send_all = fail_once
    assert not gateway.step()
    assert gateway.queue.delays == [30]
    assert gateway.step()
    assert gateway.run(identifier)["request_counts"]["completed"] == 2
    assert set(gateway.paid_prompts.values()) == {1}


def test_feeder_goes_on_in_its_next_invocation_when_its_time_is_over(gateway):
    identifier = gateway.create(lines_of(2 * CHUNK_LINES + 1))

    def use_up_the_time(moment, row):
        if moment == "after" and row.values.get("fed_bytes"):
            gateway.clock.advance(100)

    gateway.rows.on_write = use_up_the_time
    gateway.step()
    assert len(gateway.lines.messages) == CHUNK_LINES
    assert gateway.steps.messages[0][1] == 0
    gateway.step()
    gateway.rows.on_write = lambda *_: None
    assert gateway.run(identifier)["request_counts"]["completed"] == 2 * CHUNK_LINES + 1


def test_dead_letter_of_a_batch_that_cannot_be_checked_fails_it(gateway):
    identifier = gateway.create(lines_of(1))
    message, _ = gateway.steps.messages.pop()
    assert gateway.deliver(message, queue=DEAD_LETTERS)
    batch = gateway.get_batch(identifier)
    assert batch["status"] == "failed"
    assert batch["errors"]["data"][0]["code"] == "batch_abandoned"


def test_dead_letter_of_a_running_batch_goes_on_later(gateway):
    identifier = gateway.create(lines_of(1))
    gateway.step()
    message, _ = gateway.steps.messages.pop()
    assert gateway.deliver(message, queue=DEAD_LETTERS)
    ((_, delay),) = gateway.steps.messages
    assert delay == 900
    assert gateway.run(identifier)["status"] == "completed"


def test_dead_letter_a_day_after_the_window_fails_the_batch(gateway):
    identifier = gateway.create(lines_of(1))
    gateway.step()
    message, _ = gateway.steps.messages.pop()
    gateway.clock.advance(WINDOW_SECONDS + GIVE_UP_SECONDS + 1)
    assert gateway.deliver(message, queue=DEAD_LETTERS)
    assert gateway.get_batch(identifier)["status"] == "failed"


def test_dead_letter_of_a_held_batch_waits_for_its_holder(gateway):
    gateway.create(lines_of(1))
    message, _ = gateway.steps.messages[0]

    def die(moment, _):
        if moment == "after":
            raise ProcessKilled

    gateway.rows.on_write = die
    with pytest.raises(ProcessKilled):
        gateway.step()
    gateway.rows.on_write = lambda *_: None
    assert not gateway.deliver(message, queue=DEAD_LETTERS)


def test_dead_letter_of_a_line_is_an_error_of_its_line(gateway):
    identifier = gateway.create(lines_of(2))
    gateway.step()
    message, _ = gateway.lines.messages.pop(0)
    assert gateway.deliver(message, queue=DEAD_LETTERS)
    batch = gateway.run(identifier)
    assert batch["request_counts"] == {"total": 2, "completed": 1, "failed": 1}
    (line,) = gateway.results(batch["error_file_id"]).values()
    assert line["error"]["code"] == "job_abandoned"


def test_line_with_an_unknown_outcome_is_an_error_of_its_line(gateway):
    identifier = gateway.create(lines_of(1))
    gateway.step()
    write = gateway.orders.write

    def die(order, replaces):
        written = write(order, replaces)
        if order.state == "sent":
            raise ProcessKilled
        return written

    gateway.orders.write = die
    message, _ = gateway.lines.messages[0]
    with pytest.raises(ProcessKilled):
        gateway.deliver(message, queue="lines")
    gateway.orders.write = write
    gateway.clock.advance(200)
    batch = gateway.run(identifier)
    (line,) = gateway.results(batch["error_file_id"]).values()
    assert (line["error"]["code"], line["response"]) == ("order_outcome_unknown", None)
    assert gateway.upstream.calls == []


@pytest.mark.parametrize("body", ['{"batch": 1}', '{"batch": "batch_x", "scope": "s", "wake": 1}'])
def test_message_that_names_no_batch_is_finished_or_tried_again(gateway, body):
    assert gateway.deliver(json.loads(body)) == ("wake" in body)
