"""Tests of batches that are cancelled, expire, or whose lines wait until the window ends."""

import pytest

from retouch.batches.batch import WINDOW_SECONDS
from retouch.batches.feeding import CHUNK_LINES
from tests.support.batches import lines_of
from tests.support.killed_process import ProcessKilled


def test_rate_limited_line_comes_again_on_the_queue_of_lines(gateway):
    identifier = gateway.create(lines_of(1))
    gateway.answer(429, {"error": {"message": "slow"}}, headers={"retry-after": "40"})
    gateway.step()
    gateway.work_on_lines()
    assert gateway.lines.delays == [40]
    assert gateway.queue.delays == []
    gateway.answer()
    assert gateway.run(identifier)["request_counts"]["completed"] == 1


def test_line_that_is_always_rate_limited_is_tried_until_the_window_ends(gateway):
    identifier = gateway.create(lines_of(1))
    gateway.answer(429, {"error": {"message": "slow"}})
    gateway.step()
    for _ in range(20):
        gateway.work_on_lines()
        gateway.clock.advance(gateway.lines.delays[-1])
    assert gateway.lines.delays[:6] == [10, 30, 90, 270, 900, 900]
    gateway.answer()
    assert gateway.run(identifier)["request_counts"]["completed"] == 1


def test_cancelled_batch_keeps_what_was_bought_and_drops_the_rest(gateway):
    identifier = gateway.create(lines_of(5))
    gateway.step()
    gateway.work_on_lines(2)
    response = gateway.call("POST", f"/v1/batches/{identifier}/cancel")
    assert (response.status, response.json["status"]) == (200, "cancelling")
    again = gateway.call("POST", f"/v1/batches/{identifier}/cancel")
    assert (again.status, again.json["status"]) == (200, "cancelling")
    batch = gateway.run(identifier)
    assert batch["status"] == "cancelled"
    assert batch["cancelled_at"] >= batch["cancelling_at"]
    assert batch["request_counts"] == {"total": 5, "completed": 2, "failed": 0}
    assert set(gateway.results(batch["output_file_id"])) == {"line-0", "line-1"}
    assert len(gateway.upstream.calls) == 2
    late = gateway.call("POST", f"/v1/batches/{identifier}/cancel")
    assert (late.status, late.json["status"]) == (200, "cancelled")


def test_batch_cancelled_before_its_validation_buys_nothing(gateway):
    identifier = gateway.create(lines_of(2))
    gateway.call("POST", f"/v1/batches/{identifier}/cancel")
    batch = gateway.run(identifier)
    assert (batch["status"], batch["output_file_id"]) == ("cancelled", None)
    assert gateway.orders.orders == {}


def test_batch_cancelled_while_it_is_fed_cancels_the_lines_that_were_made(gateway):
    identifier = gateway.create(lines_of(2 * CHUNK_LINES))

    def cancel(moment, row):
        if moment == "before" and row.values.get("fed_bytes"):
            gateway.rows.on_write = lambda *_: None
            gateway.call("POST", f"/v1/batches/{identifier}/cancel")

    gateway.rows.on_write = cancel
    batch = gateway.run(identifier)
    assert batch["status"] == "cancelled"
    assert gateway.upstream.calls == []
    assert {one.state for one in gateway.orders.orders.values()} == {"cancelled"}


def test_feeder_that_died_after_a_cancel_leaves_no_line_to_buy(gateway):
    """The feeder has made the jobs of a hundred lines, and dies before it writes its position."""
    identifier = gateway.create(lines_of(2 * CHUNK_LINES))

    def die(moment, row):
        if moment == "before" and row.values.get("fed_bytes"):
            raise ProcessKilled

    gateway.rows.on_write = die
    with pytest.raises(ProcessKilled):
        gateway.step()
    gateway.rows.on_write = lambda *_: None
    assert len(gateway.orders.orders) == CHUNK_LINES
    gateway.call("POST", f"/v1/batches/{identifier}/cancel")
    gateway.clock.advance(200)
    assert gateway.run(identifier)["status"] == "cancelled"
    assert gateway.upstream.calls == []
    assert {one.state for one in gateway.orders.orders.values()} == {"cancelled"}


def test_completed_batch_cannot_be_cancelled(gateway):
    identifier = gateway.create(lines_of(1))
    gateway.run(identifier)
    response = gateway.call("POST", f"/v1/batches/{identifier}/cancel")
    assert (response.status, response.json["error"]["code"]) == (409, "already_ended")


def test_expired_batch_has_an_error_for_each_line_that_was_not_begun(gateway):
    identifier = gateway.create(lines_of(3))
    gateway.step()
    gateway.work_on_lines(1)
    gateway.clock.advance(WINDOW_SECONDS)
    batch = gateway.run(identifier)
    assert batch["status"] == "expired"
    assert batch["request_counts"] == {"total": 3, "completed": 1, "failed": 2}
    errors = gateway.results(batch["error_file_id"])
    assert {one["error"]["code"] for one in errors.values()} == {"batch_expired"}
    assert set(gateway.results(batch["output_file_id"])) == {"line-0"}
    assert len(gateway.upstream.calls) == 1


def test_line_that_was_sent_is_awaited_after_the_window(gateway):
    identifier = gateway.create(lines_of(1))
    gateway.step()
    gateway.clock.advance(WINDOW_SECONDS - 20)
    write = gateway.orders.write

    def write_and_end_the_window(order, replaces):
        written = write(order, replaces)
        if order.state == "sent":
            gateway.orders.write = write
            gateway.clock.advance(30)
            gateway.step()
            assert gateway.get_batch(identifier)["status"] == "finalizing"
        return written

    gateway.orders.write = write_and_end_the_window
    gateway.work_on_lines()
    batch = gateway.run(identifier)
    assert (batch["status"], batch["request_counts"]["completed"]) == ("expired", 1)
