"""Ends all orders that nobody else ends, because their holder's process has ended or the message of a job is lost."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace

from retouch.core.errors import OrdersUnavailable, UsageUnavailable
from retouch.orders import transitions
from retouch.orders.abandoned import settle_abandoned
from retouch.orders.jobs import EditsQueue, job_status, send_job, write_cancellation
from retouch.orders.order import Order
from retouch.orders.stores import OrderConflict, OrderStores

_log = logging.getLogger("retouch")


def sweep(
    stores: OrderStores,
    queue: EditsQueue | None,
    now: int,
    emit_event: Callable[[Order], Order] = lambda order: order,
) -> Mapping[str, int]:
    """Settle every abandoned order, and return how many there are by their new state.

    A job that waits for a worker gets a new message. A job whose time to begin is over ends. `emit_event` queues the
    event of a job that has ended. An order whose stores fail stays for the next sweep. Raises OrdersUnavailable when
    the orders cannot be listed.
    """
    counts: Counter[str] = Counter()
    for order in stores.table.list_abandoned(now):
        try:
            if order.event == "pending":
                order = emit_event(order)
                if not order.is_unsettled:
                    continue
            settled = _settle(order, stores, now)
            if settled is None:
                continue
            settled = emit_event(settled)
            # A worker works on the job, or reports its end to the destination that the event has named.
            if queue and settled.is_job and (settled.is_waiting_job or settled.destination):
                send_job(settled, queue)
        except OrdersUnavailable as error:
            _log.warning("an order was not settled", extra={"order": order.id}, exc_info=error)
            continue
        if order.is_usage_owed:  # its end was counted before
            continue
        counts[settled.state] += 1
        _log.info(
            "an abandoned order was settled",
            extra={"order": settled.id, "state": settled.state},
        )
    return counts


def _settle(order: Order, stores: OrderStores, now: int) -> Order | None:
    """Store the next record of the order, and return it. None: the order has changed meanwhile."""
    if not order.is_waiting_job:
        settled = settle_abandoned(order, stores, now)
        return _write_usage(settled, stores, now) if settled else None
    try:
        if job_status(order, now) == "expired":
            return write_cancellation(order, stores, now)
        return stores.table.write(transitions.remind(order, now), order)
    except OrderConflict:
        return None


def _write_usage(order: Order, stores: OrderStores, now: int) -> Order | None:
    """Write the usage events that the order owes, and return it. None: the order has changed meanwhile."""
    if not order.is_usage_owed or stores.usage is None:
        return order
    try:
        usage = stores.usage.write(order, stores.answers.get(order.id), now)
        return stores.table.write(replace(order, usage=usage), replaces=order)
    except (UsageUnavailable, ValueError, KeyError, TypeError) as error:
        # Usage that nobody can read must not keep the sweeper from the other orders.
        _log.error(
            "the usage of an order was not written", extra={"order": order.id}, exc_info=error
        )
        return order
    except OrderConflict:
        return None
