"""A batch that one worker holds: its claim, its conditional writes, and its next message.

One message of a batch is on its way at a time. A worker that holds the batch ends with the message of the next step. If
it crashes, its own message comes again after the visibility timeout, and finds a lease that is over.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from retouch.batches import transitions
from retouch.batches.batch import Batch
from retouch.batches.record import batch_of_row, batch_row
from retouch.batches.stores import BatchStores
from retouch.core.clock import Clock
from retouch.core.errors import OrdersUnavailable
from retouch.core.rows import RowConflict
from retouch.orders.jobs import MAX_PAUSE_SECONDS, Pause

_log = logging.getLogger("retouch")
_MAX_DELAY_SECONDS = 900  # of SQS


class BatchLost(Exception):
    """Another worker holds the batch."""


def read_batch(scope: str, identifier: str, stores: BatchStores) -> Batch | None:
    """Return a batch, or None. Raises OrdersUnavailable."""
    row = stores.rows.read(scope, identifier)
    return batch_of_row(row) if row else None


def write_batch(batch: Batch, replaces: Batch | None, stores: BatchStores) -> Batch:
    """Write a batch if `replaces` is still stored. Raises RowConflict and OrdersUnavailable."""
    row = stores.rows.write(batch_row(batch), batch_row(replaces) if replaces else None)
    return replace(batch, version=row.version)


def send_step(batch: Batch, stores: BatchStores, delay_seconds: int = 0) -> None:
    """Send the message of the next step of a batch. Raises OrdersUnavailable."""
    message = {"batch": batch.id, "scope": batch.scope, "wake": batch.wake}
    stores.steps.send(message, delay_seconds)


def claim_batch(
    scope: str,
    identifier: str,
    wake: int,
    request_id: str,
    lease_seconds: float,
    stores: BatchStores,
    clock: Clock,
) -> HeldBatch | Pause | None:
    """Return the batch for the message of a step. None: there is nothing to do for it. Raises OrdersUnavailable.

    A message for a held batch comes again after the lease, because the holder may have failed to leave the batch.
    """
    while True:
        batch, now = read_batch(scope, identifier, stores), clock.unix_time()
        if batch is None or batch.has_ended:
            return None
        if batch.lease > now:
            return Pause(min(batch.lease - now + 1, MAX_PAUSE_SECONDS))
        if not transitions.is_due(batch, wake, now):
            return None
        try:
            claimed = transitions.claim(batch, request_id, now + round(lease_seconds))
            return HeldBatch(write_batch(claimed, batch, stores), stores, clock)
        except RowConflict:
            _log.info("another request has changed the batch", extra={"batch": identifier})


class HeldBatch:
    """The batch as its holder sees it. A cancel by the caller may arrive with each write."""

    def __init__(self, batch: Batch, stores: BatchStores, clock: Clock) -> None:
        self.batch, self.stores, self.clock = batch, stores, clock
        self._fence = batch.fence

    def change(self, make: Callable[[Batch, int], Batch]) -> Batch:
        """Write the next record, which `make` returns for the present one and the time. Raises BatchLost."""
        while True:
            try:
                changed = make(self.batch, self.clock.unix_time())
                self.batch = write_batch(changed, self.batch, self.stores)
                return self.batch
            except RowConflict as conflict:
                stored = batch_of_row(conflict.stored) if conflict.stored else None
                if stored is None or stored.fence != self._fence or stored.has_ended:
                    raise BatchLost from None
                self.batch = stored

    def leave(self) -> None:
        """Let the same message do the step again, after a failure. Without this write it waits for the lease."""
        with suppress(BatchLost, OrdersUnavailable):
            self.change(lambda batch, _: transitions.release(batch, batch.wake))

    def release(self, delay_seconds: int) -> None:
        """Leave the batch until its next step, and send the message of that step. Raises BatchLost.

        The record then says that the message is sent. Without that, an older message that comes again after a crash
        takes its place.
        """
        delay = min(delay_seconds, _MAX_DELAY_SECONDS)
        batch = self.change(lambda batch, now: transitions.release(batch, now + delay))
        send_step(batch, self.stores, delay)
        with suppress(RowConflict, OrdersUnavailable):
            write_batch(replace(batch, sent_wake=batch.wake), batch, self.stores)
