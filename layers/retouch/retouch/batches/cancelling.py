"""How a batch is cancelled by its caller, or ended when its steps always fail."""

from __future__ import annotations

from retouch.batches import transitions
from retouch.batches.batch import Batch, LineError
from retouch.batches.held_batch import read_batch, send_step, write_batch
from retouch.batches.record import batch_of_row
from retouch.batches.stores import BatchStores
from retouch.core.errors import JobConflict, NotFound
from retouch.core.rows import RowConflict

_RETRY_SECONDS = 900  # between the steps of a batch whose steps fail
_OVERDUE_SECONDS = 900  # after which the sweeper sends the message of a step again
_ABANDONED = LineError(
    "batch_abandoned",
    "The workers could not finish this batch. The operator finds the reason in their log.",
)


def cancel_batch(batch: Batch, stores: BatchStores, now: int) -> Batch:
    """Cancel a batch, and send its next step. Cancelling twice is harmless.

    Raises JobConflict for a batch that has ended or writes its results.
    """
    while not batch.cancelling_at:
        if batch.has_ended or batch.finalizing_at:
            raise JobConflict(
                "The batch has ended or writes its results, so it cannot be cancelled.",
                code="already_ended",
            )
        try:
            batch = write_batch(transitions.cancel(batch, now, now), batch, stores)
        except RowConflict as conflict:
            if conflict.stored is None:
                raise NotFound("There is no such batch.") from None
            batch = batch_of_row(conflict.stored)
    if not batch.has_ended:
        send_step(batch, stores)
    return batch


def abandon_batch(scope: str, identifier: str, stores: BatchStores, now: int) -> bool:
    """Go on with a batch whose message was received too often. Return False while a worker may still hold it.

    A batch whose lines cannot be checked fails, and so does one whose results cannot be written for a day. Any other
    batch gets a new message, because its jobs go on.
    """
    batch = read_batch(scope, identifier, stores)
    if batch is None or batch.has_ended:
        return True
    if batch.lease > now:
        return False
    is_hopeless = batch.status == "validating" or now > batch.expires + transitions.GIVE_UP_SECONDS
    changed = (
        transitions.fail(batch, (_ABANDONED,), now)
        if is_hopeless
        else transitions.release(batch, now + _RETRY_SECONDS)
    )
    try:
        changed = write_batch(changed, batch, stores)
    except RowConflict:
        return False
    if not changed.has_ended:
        send_step(changed, stores, _RETRY_SECONDS)
    return True


def resend_overdue(stores: BatchStores, now: int) -> int:
    """Send the message of each batch again whose step is long overdue. Return their number."""
    rows = stores.rows.list_due(now - _OVERDUE_SECONDS)
    for batch in map(batch_of_row, rows):
        send_step(batch, stores)
    return len(rows)
