"""The event of a batch's end. The message of its last step is deleted only after the event is queued."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from retouch.batches.batch import Batch

if TYPE_CHECKING:
    from retouch.webhooks.services import WebhookServices


def emit_batch_event(
    batch: Batch | None, load_webhooks: Callable[[], WebhookServices | None], now: int
) -> None:
    """Queue the event of a batch that has ended, for the endpoints that ask for it.

    A repetition makes the same deliveries, so it is harmless. Raises WebhooksUnavailable.
    """
    webhooks = load_webhooks() if batch and batch.has_ended else None
    if batch is None or webhooks is None:
        return
    from retouch.webhooks.event import make_event
    from retouch.webhooks.outbox import choose_endpoints, queue_event

    event_type = f"batch.{batch.status}"
    data = {
        "id": batch.id,
        "object": "batch",
        "status": batch.status,
        "metadata": dict(batch.metadata),
    }
    event = make_event(batch.id, event_type, batch.ended_at, data)
    endpoints = choose_endpoints(batch.scope, "", [event_type], webhooks.table)
    queue_event(event, batch.scope, endpoints, webhooks, now)
