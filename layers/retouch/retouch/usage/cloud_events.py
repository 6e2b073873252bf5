"""Usage events for the event bus, as CloudEvents 1.0. A reader that keeps one event for each `id` counts none twice."""

from __future__ import annotations

from typing import Any

from retouch.usage.event import UsageEvent, format_time, to_record

USAGE_TYPE = "retouch.usage"
_SOURCE = "urn:retouch:usage"
_KEPT_OUT = ("workspace", "time", "order", "attempt")  # the envelope has them in other forms


def usage_cloud_event(event: UsageEvent, stack: str) -> dict[str, Any]:
    """Return the CloudEvent of a usage event. `stack` tells apart the stacks that share a bus."""
    data = {name: value for name, value in to_record(event).items() if name not in _KEPT_OUT}
    return {
        "specversion": "1.0",
        "id": event.id,
        "source": f"{_SOURCE}:{stack}" if stack else _SOURCE,
        "type": USAGE_TYPE,
        "time": format_time(event.time),
        "subject": event.workspace,
        "datacontenttype": "application/json",
        "data": {
            **data,
            "workspace": event.workspace,
            "order": event.order,
            "attempt": event.attempt,
            "status": event.status,
            "cost": event.cost,
            "price": event.price,
            "pictures": event.pictures,
            "metadata": dict(event.metadata),
        },
    }
