"""Jobs: orders that a worker works on while their callers come back for the result.

A job is written before its message is sent, so a message always finds its job. A message may arrive twice. The record
of the order decides which worker holds the job, so it is bought once.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Literal, Protocol

from retouch.core.clock import Clock
from retouch.core.errors import BudgetUnavailable, JobConflict, NotFound, OrdersUnavailable
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.orders import transitions
from retouch.orders.abandoned import settle_abandoned, settle_charges
from retouch.orders.charges import are_settled
from retouch.orders.held_order import HeldOrder
from retouch.orders.order import EVENT_SOURCES, RUNNING, Order, StoredAnswer, key_of_order
from retouch.orders.stores import OrderConflict, OrderStores

_log = logging.getLogger("retouch")
JobStatus = Literal["queued", "in_progress", "completed", "failed", "cancelled", "expired"]
MAX_TRIES = 5  # the most claims of one job whose failures are temporary and cost nothing
ID_PREFIX, _ORDER_PREFIX = "edit_", "ord_"
_PAGE_SIZE = 100
_ENDED = ("done", "unknown", "cancelled", "open")
# Pauses before a worker tries again to write the end of its job. They may be long, because nobody waits for it.
_END_PAUSES_SECONDS = (1, 4, 10, 30, 60, 120, 240)
# Pauses before the next try after a free failure.
_RETRY_PAUSES = (10, 30, 90)
_EVENT_PAUSES = (10, 30, 90, 270, 900)
MAX_PAUSE_SECONDS = 43_200  # the longest time for which SQS hides a message


# A message of the queue: {"order": "edit_..."} for a job. Its first field says what a worker does with it.
QueuedMessage = Mapping[str, Any]


class EditsQueue(Protocol):
    """The queue that the workers read: jobs, and other work that ends in edits."""

    def send(self, message: QueuedMessage) -> None:
        """Send a message to the workers. It may arrive twice. Raises OrdersUnavailable."""

    def delay(self, receipt: str, seconds: int) -> None:
        """Deliver a received message again after this time. A failure goes to the log."""


class RequestStore(Protocol):
    """The requests of jobs until they are worked on. Every method raises OrdersUnavailable."""

    def put(self, order_id: str, data: bytes) -> None:
        """Store the request of an order."""

    def get(self, order_id: str) -> bytes | None:
        """Return the request of an order, or None."""

    def delete(self, order_id: str) -> None:
        """Delete the request of an order, if there is one."""


@frozen_dataclass
class JobStores:
    """What jobs need from the outside."""

    orders: OrderStores
    requests: RequestStore
    queue: EditsQueue


@frozen_dataclass
class Pause:
    """The time after which the message of a job comes again, because the job cannot be worked on now."""

    seconds: int


CONFLICT_PAUSE = Pause(2)  # another process has changed the job
PENDING_PAUSE = Pause(30)  # the provider still makes the result
UNWRITTEN_PAUSE = Pause(60)  # the end of a try could not be written


def job_id(order: Order) -> str:
    """Return the id of a job, which is that of its order with another prefix."""
    return ID_PREFIX + order.id.removeprefix(_ORDER_PREFIX)


def job_status(order: Order, now: int) -> JobStatus:
    """Return the status of a job as its caller sees it. A free failure that the operator has reconciled is "failed"."""
    if order.state == "queued":
        return "queued" if order.started or now < order.begin_by else "expired"
    if order.state == "cancelled":
        return "expired" if not order.started and order.ended >= order.begin_by else "cancelled"
    if order.state == "done":
        return "completed" if order.status < 400 else "failed"
    return "in_progress" if order.state in RUNNING else "failed"


def find_job(identifier: str, scope: str, stores: JobStores, now: int) -> Order:
    """Return a job of the scope. Raises NotFound for any other id, and OrdersUnavailable."""
    order = read_job(identifier, stores)
    if order is None or order.scope != scope or order.expires <= now:
        raise NotFound("There is no such job. It may have expired, or it belongs to another key.")
    return order


def send_job(order: Order, queue: EditsQueue) -> None:
    """Send the message of a job. A job that is sent twice is worked on once. Raises OrdersUnavailable."""
    queue.send({"order": job_id(order)})


def send_stored_job(order: Order, queue: EditsQueue) -> None:
    """Send the message of a job that is stored. When the queue cannot be used, the sweeper sends it."""
    try:
        send_job(order, queue)
    except OrdersUnavailable as error:
        _log.warning(
            "the sweeper sends the message of a job", extra={"order": order.id}, exc_info=error
        )


def cancel_job(order: Order, stores: JobStores, now: int) -> Order:
    """Cancel a job that was not sent yet. Cancelling twice is harmless.

    Raises JobConflict for a job that was sent or has ended.
    """
    while order.state != "cancelled":
        if order.state not in ("queued", "accepted"):
            raise _cancel_error(order)
        try:
            order = write_cancellation(order, stores.orders, now)
        except OrderConflict as conflict:
            if conflict.stored is None:
                raise NotFound("There is no such job.") from None
            order = conflict.stored
    return order


def write_cancellation(order: Order, stores: OrderStores, now: int) -> Order:
    """Cancel a job that was not sent, and release what it holds of budgets.

    Raises OrderConflict and OrdersUnavailable. The sweeper repairs what is not released.
    """
    cancelled = stores.table.write(transitions.cancel(order, now, stores.validity), replaces=order)
    try:
        return settle_charges(cancelled, stores.table, stores.ledger)
    except (OrderConflict, OrdersUnavailable):
        return stores.table.read(cancelled.key) or cancelled


def delete_job(order: Order, stores: JobStores) -> bool:
    """Delete a job that has ended, with its request and its answer. Return False for any other job.

    Raises NotFound when the job changes meanwhile, and OrdersUnavailable. The record goes first: a job without a record
    is gone, and the bucket deletes the rest later.
    """
    if order.state not in _ENDED:
        return False
    try:
        order = settle_charges(order, stores.orders.table, stores.orders.ledger)
        if not are_settled(order.charges):  # the budgets would keep its amounts for ever
            raise BudgetUnavailable(
                "The budgets of the job are not settled yet. Send the request again in a few minutes."
            )
        stores.orders.table.remove(order)
    except OrderConflict:
        raise NotFound("The job has changed meanwhile. Send the request again.") from None
    stores.orders.answers.delete(order.id)
    stores.requests.delete(order.id)
    return True


def list_jobs(
    scope: str, after: str, status: JobStatus | None, limit: int, stores: JobStores, now: int
) -> list[Order]:
    """Return the newest jobs of the scope that have the status, after the job with the id `after`."""
    found: list[Order] = []
    page_size = limit if status is None else _PAGE_SIZE
    before = _ORDER_PREFIX + after.removeprefix(ID_PREFIX) if after else ""
    while len(found) < limit:
        page = stores.orders.table.list_jobs(scope, before, page_size)
        found += [
            one
            for one in page
            if one.expires > now and (status is None or job_status(one, now) == status)
        ]
        if len(page) < page_size:
            break
        before = page[-1].id
    return found[:limit]


def claim_job(
    identifier: str,
    request_id: str,
    lease_seconds: float,
    deadline: float,
    stores: JobStores,
    clock: Clock,
) -> HeldOrder | Pause | None:
    """Return the job that this worker now holds until its deadline on the clock's scale.

    None: there is nothing left to do. Raises OrdersUnavailable.
    """
    order, now = read_job(identifier, stores), clock.unix_time()
    if order and order.state in RUNNING and not order.is_released and order.lease <= now:
        settle_abandoned(order, stores.orders, now)
        order = read_job(identifier, stores)
    if order is None or order.expires <= now or order.state in _ENDED:
        return None
    if order.state in RUNNING and not order.is_released:
        return Pause(min(order.lease - now + 1, MAX_PAUSE_SECONDS))
    validity = stores.orders.validity
    try:
        if job_status(order, now) == "expired":
            write_cancellation(order, stores.orders, now)
            return None
        claimed = transitions.claim_job(
            order, request_id, now + round(lease_seconds), validity, now
        )
        written = stores.orders.table.write(claimed, replaces=order)
    except OrderConflict:
        return CONFLICT_PAUSE
    return HeldOrder(
        written, stores.orders, clock, deadline=deadline, end_pauses=_END_PAUSES_SECONDS
    )


def retry_pause(order: Order, retry_after: float | None, now: int) -> Pause | None:
    """Return the pause before the next try of a job that failed for free.

    None: it has had all its tries, or the next one would begin after its deadline. The job of an event or of a batch
    has no limit of tries, because nobody else repeats it.
    """
    tries = order.fence - 1  # the first claim was that of the request
    is_unattended = order.source in EVENT_SOURCES or bool(order.batch)
    pauses = _EVENT_PAUSES if is_unattended else _RETRY_PAUSES
    pause = pauses[min(tries, len(pauses)) - 1]
    seconds = min(max(pause, round(retry_after or 0)), MAX_PAUSE_SECONDS)
    is_last = (tries >= MAX_TRIES and not is_unattended) or now + seconds >= order.begin_by
    return None if is_last else Pause(seconds)


def event_pause(tries: int) -> int:
    """Return the seconds after the failed try of this number, from 1, before an event is tried again."""
    return _EVENT_PAUSES[min(tries, len(_EVENT_PAUSES)) - 1]


def abandon_job(identifier: str, answer: StoredAnswer, stores: JobStores, now: int) -> bool:
    """End a job whose message was received too often. Return False while a worker may still hold it.

    A job that was sent ends as unknown. Any other job gets the answer, which says that it failed and cost nothing.
    """
    order = read_job(identifier, stores)
    if order is None or order.state in _ENDED:
        return True
    if order.state in RUNNING and order.lease > now:
        return False
    validity, answers = stores.orders.validity, stores.orders.answers
    if order.state in ("sent", "submitted"):
        stored = answers.get(order.id)
        ended = (
            transitions.finish(order, stored, now, validity)
            if stored
            else transitions.declare_unknown(order, now, validity)
        )
    else:
        ended = transitions.finish(order, answers.put(order.id, answer), now, validity)
    try:
        ended = stores.orders.table.write(ended, replaces=order)
        settle_charges(ended, stores.orders.table, stores.orders.ledger)
    except OrderConflict:
        return False
    return True


def read_job(identifier: str, stores: JobStores) -> Order | None:
    """Return the job with an id, also one that has expired, or None."""
    try:
        key = key_of_order(_ORDER_PREFIX + identifier.removeprefix(ID_PREFIX))
    except ValueError:
        return None
    order = stores.orders.table.read(key)
    is_same = order is not None and order.is_job and job_id(order) == identifier
    return order if is_same else None


def _cancel_error(order: Order) -> JobConflict:
    if order.state in RUNNING:
        return JobConflict(
            "The edit was sent to the provider and may be paid for, so it cannot be cancelled. Fetch its result.",
            code="already_sent",
        )
    return JobConflict("The job has ended, so it cannot be cancelled.", code="already_ended")
