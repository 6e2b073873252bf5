"""The event of a job's end. It is part of the write that ends the job, so a crash cannot lose it.

Whoever has ended the job queues its event and writes that this is done. If that fails, the worker that gets the job's
message again, or the sweeper, does the same with the same ids.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from retouch.core.clock import Clock
from retouch.core.errors import Fault
from retouch.orders import transitions
from retouch.orders.jobs import JobStores, job_id, job_status, read_job
from retouch.orders.order import Order
from retouch.orders.stores import OrderConflict, OrderTable

if TYPE_CHECKING:
    from retouch.webhooks.event import Event
    from retouch.webhooks.services import WebhookServices

_log = logging.getLogger("retouch")


def emit_event(
    order: Order,
    table: OrderTable,
    load_webhooks: Callable[[], WebhookServices | None],
    now: int,
) -> Order:
    """Queue the event of an ended job, unless that is done, and return the job. A failure goes to the log."""
    if order.event != "pending":
        return order
    webhooks = load_webhooks()
    if webhooks is None:
        _log.warning("the gateway has no webhooks any more", extra={"order": order.id})
        return order
    from retouch.webhooks.outbox import queue_event

    try:
        queue_event(_job_event(order, now), order.scope, order.webhooks.split(), webhooks, now)
        return table.write(transitions.drop_event(order), replaces=order)
    except (Fault, OrderConflict) as error:
        _log.warning("the event of a job waits", extra={"order": order.id}, exc_info=error)
        return order


def emit_job_event(
    identifier: str,
    stores: JobStores,
    load_webhooks: Callable[[], WebhookServices | None],
    clock: Clock,
) -> None:
    """Queue the event of the job with this id, if it has ended. Raises OrdersUnavailable."""
    order = read_job(identifier, stores)
    if order:
        emit_event(order, stores.orders.table, load_webhooks, clock.unix_time())


def _job_event(order: Order, now: int) -> Event:
    from retouch.webhooks.event import make_event

    status = job_status(order, now)
    data: dict[str, Any] = {
        "id": job_id(order),
        "object": "image.edit",
        "status": status,
        "metadata": dict(order.metadata),
        "billed": order.billed,
        "cost_usd": order.cost_usd,
    }
    return make_event(job_id(order), f"image.edit.{status}", order.ended, data)
