"""The handler of the sweeper function: it ends orders whose holders have crashed, and sends lost messages again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from retouch.api.events.unknown import UnknownEvent
from retouch.batches.cancelling import resend_overdue
from retouch.batches.stores import BatchStores
from retouch.core.clock import Clock
from retouch.orders.jobs import EditsQueue
from retouch.orders.stores import OrderStores
from retouch.orders.sweeper import sweep

_SCHEDULED_EVENT = "Scheduled Event"
Handler = Callable[[Any, Any], Mapping[str, int]]


class SweeperTelemetry(Protocol):
    """The log and the metrics of the sweeper."""

    def record_sweep(self, counts: Mapping[str, int]) -> None:
        """Record the number of orders by their new state."""


def build_handler(
    stores: OrderStores | None,
    queue: EditsQueue | None,
    batches: BatchStores | None,
    clock: Clock,
    telemetry: SweeperTelemetry,
) -> Handler:
    """Return the Lambda handler. It returns the number of orders by their new state, and of batches that it woke."""

    def handler(event: Any, _: Any) -> Mapping[str, int]:
        if not isinstance(event, Mapping) or event.get("detail-type") != _SCHEDULED_EVENT:
            raise UnknownEvent("The sweeper takes only the events of its schedule.")
        counts: dict[str, int] = {}
        if stores:
            counts |= sweep(stores, queue, clock.unix_time())
        if batches and (woken := resend_overdue(batches, clock.unix_time())):
            counts["batches"] = woken
        telemetry.record_sweep(counts)
        return counts

    return handler
