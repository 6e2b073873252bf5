"""One message of a batch: its steps, one after another, until it must wait or the time is over."""

from __future__ import annotations

from collections.abc import Callable

from retouch.batches import transitions
from retouch.batches.batch import Batch, LineError
from retouch.batches.feeding import HasTime, feed_lines, read_input, stop_lines
from retouch.batches.held_batch import BatchLost, HeldBatch
from retouch.batches.results import ExtendLinks, write_results
from retouch.batches.stores import LineCounts
from retouch.batches.validation import PriceLine, plan_batch
from retouch.core.errors import Fault
from retouch.core.frozen_dataclass import frozen_dataclass

# The pair of the metadata with which the caller wants the lines that fit into the budget.
PARTIAL_NAME = "retouch_partial"

_MIN_WAIT_SECONDS, _MAX_WAIT_SECONDS = 2, 60
_LINES_PER_SECOND = 10  # that may end while the batch waits, so a short rest is counted sooner


@frozen_dataclass
class StepFunctions:
    """What the steps of one batch need from the gateway."""

    price_line: PriceLine
    # Takes micro-dollars. Raises Fault when the key is revoked or a budget has less.
    check_room: Callable[[int], None]
    only_model: Callable[[], str]  # of the lines that were priced; empty: they name several
    extend_links: ExtendLinks
    has_time: HasTime


def run_steps(held: HeldBatch, functions: StepFunctions) -> None:
    """Do what is to be done for a batch, and send its next message. Raises OrdersUnavailable and other errors."""
    try:
        delay = 0
        while not held.batch.has_ended and functions.has_time():
            delay = _run_step(held, functions)
            if delay:
                break
        if not held.batch.has_ended:
            held.release(delay)
    except BatchLost:
        return
    except Exception:
        held.leave()
        raise


def _run_step(held: HeldBatch, functions: StepFunctions) -> int:
    """Do one step. Return the seconds until the next one."""
    batch, now = held.batch, held.clock.unix_time()
    if batch.status == "in_progress" and now >= batch.expires:
        held.change(_end_window)
        return 0
    step = transitions.next_step(batch)
    if step == "validate":
        _validate(held, functions)
    elif step == "feed":
        feed_lines(held, functions.has_time)
    elif step == "stop":
        stop_lines(held, functions.has_time)
    elif step == "count":
        return _count(held)
    elif step == "write results":
        write_results(held, functions.extend_links)
    return 0


def _validate(held: HeldBatch, functions: StepFunctions) -> None:
    read = read_input(held.batch, held.stores)
    plan = plan_batch(held.batch, read, functions.price_line)
    errors = plan.errors or _budget_errors(held.batch, plan.worst_cost, functions)
    if errors:
        held.change(lambda batch, now: transitions.fail(batch, errors, now))
    else:
        model = functions.only_model()
        held.change(
            lambda batch, now: transitions.start(batch, plan.lines, plan.worst_cost, model, now)
        )


def _budget_errors(
    batch: Batch, worst_cost: int, functions: StepFunctions
) -> tuple[LineError, ...]:
    """Return why the batch does not fit into a budget, unless its caller wants the lines that fit."""
    if batch.metadata.get(PARTIAL_NAME) == "true":
        return ()
    try:
        functions.check_room(worst_cost)
    except Fault as fault:
        if fault.retryable is not False:
            raise
        return (LineError(fault.code or "", str(fault)),)
    return ()


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
