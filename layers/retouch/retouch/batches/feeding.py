"""Lines become jobs, and jobs are cancelled when their batch stops: a hundred lines at a time.

The position in the input is written after each hundred lines. After a crash, at most a hundred lines are read again.
Their jobs are there already and are not bought twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from hashlib import sha256
from itertools import islice

import orjson

from retouch.batches import transitions
from retouch.batches.batch import Batch, input_key, line_key
from retouch.batches.held_batch import HeldBatch
from retouch.batches.lines import BatchLine, RawLine, ReadRange, iter_lines, parse_line
from retouch.batches.stores import BatchStores
from retouch.orders import jobs
from retouch.orders import transitions as order_transitions
from retouch.orders.order import Fingerprint, Order
from retouch.orders.stores import OrderConflict
from retouch.orders.transitions import Claim, JobDetails

CHUNK_LINES = 100
PARALLEL_LINES = 8
HasTime = Callable[[], bool]


def read_input(batch: Batch, stores: BatchStores) -> ReadRange:
    """Return the function that reads ranges of the batch's input."""
    return partial(stores.contents.read, input_key(batch.id))


def iter_chunks(batch: Batch, stores: BatchStores, start: int) -> Iterator[Sequence[RawLine]]:
    """Yield a hundred lines of the input at a time, from a position at which such a chunk begins."""
    lines = iter_lines(read_input(batch, stores), batch.input_bytes, start)
    while chunk := list(islice(lines, CHUNK_LINES)):
        yield chunk


def feed_lines(held: HeldBatch, has_time: HasTime) -> None:
    """Make jobs of the lines from the batch's position until the end, a cancel, or the end of the time.

    Raises BatchLost and OrdersUnavailable.
    """
    stores = held.stores
    with ThreadPoolExecutor(PARALLEL_LINES) as pool:
        for chunk in iter_chunks(held.batch, stores, held.batch.fed_bytes):
            store = partial(_store_job, held.batch, stores, has_time)
            job_ids = list(pool.map(store, map(parse_line, chunk)))
            if not has_time():
                return
            stores.lines.send_all([{"order": job_id} for job_id in job_ids if job_id])
            held.change(partial(_note_fed, chunk[-1].end))
            if held.batch.is_stopped:
                return
    held.change(lambda batch, _: replace(batch, fed_bytes=batch.input_bytes))


def _note_fed(position: int, batch: Batch, _: int) -> Batch:
    return replace(batch, fed_bytes=position)


def _store_job(batch: Batch, stores: BatchStores, has_time: HasTime, line: BatchLine) -> str | None:
    """Store the job of a line, and return its id. None: it needs no message. Raises OrdersUnavailable.

    A worker that was paused must not make a job after its lease, because the batch may be cancelled by then.
    """
    if not has_time():
        return None
    order, request = new_job(batch, line, stores.jobs.orders.validity)
    stores.jobs.requests.put(order.id, request)
    try:
        stored: Order | None = stores.jobs.orders.table.write(order, replaces=None)
    except OrderConflict as conflict:
        stored = conflict.stored
    return jobs.job_id(order) if stored is None or stored.state == "queued" else None


def new_job(batch: Batch, line: BatchLine, validity: int) -> tuple[Order, bytes]:
    """Return the queued job of a line, which is always the same, and its request."""
    body = orjson.dumps(line.body)
    claim = Claim(
        line_key(batch, line.custom_id),
        batch.scope,
        Fingerprint(sha256(body).hexdigest()),
        request_id="",
        lease=0,
        validity=validity,
        source="batch",
    )
    details = JobDetails(model="", begin_by=batch.expires, batch=batch.id)
    order = order_transitions.queue_job(None, claim, details, batch.started_at)
    return order, b"%b\n%b" % (batch.head.encode(), body)


def stop_lines(held: HeldBatch, has_time: HasTime) -> None:
    """Cancel the jobs that were not sent to a provider. Raises BatchLost and OrdersUnavailable.

    A feeder may have made jobs of the hundred lines after its last position.
    """
    with ThreadPoolExecutor(PARALLEL_LINES) as pool:
        batch = held.batch
        if batch.started_at:
            position = batch.stopped_bytes
            for chunk in iter_chunks(batch, held.stores, position):
                if position > batch.fed_bytes:
                    break
                if not has_time():
                    return
                cancel = partial(_cancel_job, batch, held.stores, held.clock.unix_time())
                count, position = sum(pool.map(cancel, map(parse_line, chunk))), chunk[-1].end
                held.change(partial(_note_stopped, position, count))
    held.change(lambda batch, _: replace(batch, stopped_bytes=batch.input_bytes))


def _note_stopped(position: int, count: int, batch: Batch, _: int) -> Batch:
    return transitions.note_stopped(batch, position, count)


def _cancel_job(batch: Batch, stores: BatchStores, now: int, line: BatchLine) -> bool:
    """Cancel the job of a line if it was not sent yet. Return whether there is a job."""
    table = stores.jobs.orders.table
    order = table.read(line_key(batch, line.custom_id))
    while order is not None and order.state in ("queued", "accepted"):
        try:
            order = jobs.write_cancellation(order, stores.jobs.orders, now)
        except OrderConflict as conflict:
            order = conflict.stored or table.read(order.key)
    return order is not None
