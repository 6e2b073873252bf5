"""One message of a batch: its steps, one after another, until it must wait or the time is over."""

from __future__ import annotations

from retouch.batches import transitions
from retouch.batches.batch import Batch
from retouch.batches.feeding import HasTime, feed_lines, read_input, stop_lines
from retouch.batches.held_batch import BatchLost, HeldBatch
from retouch.batches.results import ExtendLinks, write_results
from retouch.batches.stores import LineCounts
from retouch.batches.validation import PriceLine, plan_batch

_MIN_WAIT_SECONDS, _MAX_WAIT_SECONDS = 2, 60
_LINES_PER_SECOND = 10  # that may end while the batch waits, so a short rest is counted sooner


def run_steps(
    held: HeldBatch, price_line: PriceLine, extend_links: ExtendLinks, has_time: HasTime
) -> None:
    """Do what is to be done for a batch, and send its next message. Raises OrdersUnavailable and other errors."""
    try:
        delay = 0
        while not held.batch.has_ended and has_time():
            delay = _run_step(held, price_line, extend_links, has_time)
            if delay:
                break
        if not held.batch.has_ended:
            held.release(delay)
    except BatchLost:
        return
    except Exception:
        held.leave()
        raise


def _run_step(
    held: HeldBatch, price_line: PriceLine, extend_links: ExtendLinks, has_time: HasTime
) -> int:
    """Do one step. Return the seconds until the next one."""
    batch, now = held.batch, held.clock.unix_time()
    if batch.status == "in_progress" and now >= batch.expires:
        held.change(_end_window)
        return 0
    step = transitions.next_step(batch)
    if step == "validate":
        _validate(held, price_line)
    elif step == "feed":
        feed_lines(held, has_time)
    elif step == "stop":
        stop_lines(held, has_time)
    elif step == "count":
        return _count(held)
    elif step == "write results":
        write_results(held, extend_links)
    return 0


def _validate(held: HeldBatch, price_line: PriceLine) -> None:
    plan = plan_batch(held.batch, read_input(held.batch, held.stores), price_line)
    if plan.errors:
        held.change(lambda batch, now: transitions.fail(batch, plan.errors, now))
    else:
        held.change(lambda batch, now: transitions.start(batch, plan.lines, plan.worst_cost, now))


def _count(held: HeldBatch) -> int:
    """Begin the results when every job has ended, or return the seconds until they are counted again."""
    batch = held.batch
    expected = batch.jobs if batch.is_stopped else batch.lines
    remaining = expected - sum(held.stores.counts.count_batch(batch.id).values())
    if remaining <= 0:
        held.change(transitions.begin_results)
        return 0
    wait = remaining // _LINES_PER_SECOND
    return min(max(wait, _MIN_WAIT_SECONDS), _MAX_WAIT_SECONDS)


def _end_window(batch: Batch, now: int) -> Batch:
    """Return the batch after its window, unless its caller has cancelled it meanwhile."""
    return batch if batch.cancelling_at else transitions.end_window(batch, now)


def count_requests(batch: Batch, counts: LineCounts) -> dict[str, int]:
    """Return the numbers of lines: all, completed and failed. Raises OrdersUnavailable."""
    if batch.has_ended:
        return {"total": batch.lines, "completed": batch.completed, "failed": batch.failed}
    ended = counts.count_batch(batch.id) if batch.started_at else {}
    return {
        "total": batch.lines,
        "completed": ended.get("completed", 0),
        "failed": ended.get("failed", 0),
    }
