"""The handler of the sweeper function: it ends orders whose holders have crashed, and sends lost messages again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from retouch.api.events.unknown import UnknownEvent
from retouch.batches.cancelling import resend_overdue
from retouch.batches.stores import BatchStores
from retouch.core.clock import Clock
from retouch.gateway.orders.job_events import emit_event
from retouch.orders.jobs import EditsQueue
from retouch.orders.order import Order
from retouch.orders.stores import OrderStores
from retouch.orders.sweeper import sweep
from retouch.webhooks.services import WebhookServices

_SCHEDULED_EVENT = "Scheduled Event"
Handler = Callable[[Any, Any], Mapping[str, int]]


class SweeperTelemetryPort(Protocol):
    """The log and the metrics of the sweeper."""

    def record_sweep(self, counts: Mapping[str, int]) -> None:
        """Record the number of orders by their new state."""


def build_handler(
    stores: OrderStores | None,
    queue: EditsQueue | None,
    batches: BatchStores | None,
    clock: Clock,
    telemetry: SweeperTelemetryPort,
    load_webhooks: Callable[[], WebhookServices | None],
) -> Handler:
    """Return the Lambda handler. It returns the number of orders by their new state, and of batches that it woke."""

    def handler(event: Any, _: Any) -> Mapping[str, int]:
        if not isinstance(event, Mapping) or event.get("detail-type") != _SCHEDULED_EVENT:
            raise UnknownEvent("The sweeper takes only the events of its schedule.")
        counts: dict[str, int] = {}
        if stores:
            counts |= _sweep(stores, queue, clock.unix_time(), load_webhooks)
        if batches and (woken := resend_overdue(batches, clock.unix_time())):
            counts["batches"] = woken
        telemetry.record_sweep(counts)
        return counts

    return handler


def _sweep(
    stores: OrderStores,
    queue: EditsQueue | None,
    now: int,
    load_webhooks: Callable[[], WebhookServices | None],
) -> Mapping[str, int]:
    def emit(order: Order) -> Order:
        return emit_event(order, stores.table, load_webhooks, now)

    return sweep(stores, queue, now, emit)
