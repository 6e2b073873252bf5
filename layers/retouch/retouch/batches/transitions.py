"""The state machine of a batch: pure functions from the present record to the next one.

validating ──every line is valid──> in_progress ──every job has ended──> finalizing ──> completed
validating ──a line is invalid──> failed
in_progress ──the window is over──> finalizing ──> expired
validating, in_progress ──cancel──> cancelling ──> cancelled
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from retouch.batches.batch import Batch, BatchStatus, LineError

# What is to be done next with a batch. "stop": cancel the jobs that were not sent.
Step = Literal["validate", "feed", "count", "stop", "write results"]
GIVE_UP_SECONDS = 86_400  # after its window a batch whose steps always fail is given up
_OVERDUE_SECONDS = 60  # a step without its message may begin this long after it was due


def next_step(batch: Batch) -> Step | None:
    """Return what is to be done next. None: the batch has ended."""
    if batch.has_ended:
        return None
    if batch.status == "validating":
        return "validate"
    if batch.finalizing_at:
        return "write results"
    if batch.is_stopped:
        return "stop" if batch.stopped_bytes < batch.input_bytes else "count"
    return "feed" if batch.fed_bytes < batch.input_bytes else "count"


def is_due(batch: Batch, wake: int, now: int) -> bool:
    """Return whether the message of a step is the batch's own one, or that message may be lost."""
    is_lost = batch.sent_wake != batch.wake or now > batch.wake + _OVERDUE_SECONDS
    return wake == batch.wake or is_lost


def claim(batch: Batch, holder: str, lease: int) -> Batch:
    """Return the batch as a worker holds it."""
    return replace(batch, fence=batch.fence + 1, holder=holder, lease=lease)


def release(batch: Batch, wake: int) -> Batch:
    """Return the batch without a holder until its next step."""
    return replace(batch, holder="", lease=0, wake=wake)


def fail(batch: Batch, errors: tuple[LineError, ...], now: int) -> Batch:
    """Return the batch with the reasons why nothing of it is bought."""
    return replace(batch, status="failed", errors=errors, ended_at=now, holder="", lease=0)


def start(batch: Batch, lines: int, worst_cost: int, model: str, now: int) -> Batch:
    """Return the valid batch, whose lines may become jobs. A cancelled one stays cancelled."""
    status: BatchStatus = "in_progress" if batch.status == "validating" else batch.status
    return replace(
        batch, status=status, lines=lines, worst_cost=worst_cost, model=model, started_at=now
    )


def cancel(batch: Batch, wake: int, now: int) -> Batch:
    """Return the batch after its caller has cancelled it. Its holder keeps it until it sees the new status."""
    return replace(batch, status="cancelling", cancelling_at=now, wake=wake)


def end_window(batch: Batch, now: int) -> Batch:
    """Return the batch after its window has ended. What was sent is awaited."""
    return replace(batch, status="finalizing", late_at=now)


def note_stopped(batch: Batch, position: int, jobs: int) -> Batch:
    """Return the batch after the jobs of further lines were cancelled, of which so many exist."""
    return replace(batch, stopped_bytes=position, jobs=batch.jobs + jobs)


def begin_results(batch: Batch, now: int) -> Batch:
    """Return the batch whose jobs have all ended."""
    status: BatchStatus = "cancelling" if batch.cancelling_at else "finalizing"
    return replace(batch, status=status, finalizing_at=now)


def finish(
    batch: Batch,
    counts: Mapping[str, int],
    usage: str,
    output_file: str,
    error_file: str,
    now: int,
) -> Batch:
    """Return the batch with its files of results. An empty file has no id."""
    status: BatchStatus = (
        "cancelled" if batch.cancelling_at else "expired" if batch.late_at else "completed"
    )
    return replace(
        batch,
        status=status,
        completed=counts["completed"],
        failed=counts["failed"],
        usage=usage,
        output_file=output_file,
        error_file=error_file,
        ended_at=now,
        holder="",
        lease=0,
    )
