"""Events: what has happened, as the receiver of a webhook gets it. An event has no image, no prompt and no link."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from retouch.core.frozen_dataclass import frozen_dataclass

_ENDS = ("completed", "failed", "cancelled", "expired")
EDIT_EVENTS = tuple(f"image.edit.{status}" for status in _ENDS)
EVENT_TYPES = (*EDIT_EVENTS, *(f"batch.{status}" for status in _ENDS), "budget.threshold")


@frozen_dataclass
class Event:
    """One event. Whoever makes it again makes the same id and the same text."""

    id: str  # the header `webhook-id`. It has no dots, because dots separate the parts of the signed text
    type: str
    time: int  # Unix seconds
    data: Mapping[str, Any]

    @property
    def text(self) -> str:
        """The body of the request, in the shape of OpenAI's events with the fields of Standard Webhooks."""
        document = {
            "id": self.id,
            "object": "event",
            "type": self.type,
            "created_at": self.time,
            "timestamp": datetime.fromtimestamp(self.time, UTC).isoformat(),
            "data": dict(self.data),
        }
        return orjson.dumps(document).decode()


def make_event(subject: str, event_type: str, time: int, data: Mapping[str, Any]) -> Event:
    """Return the event of a type about an object. An object has at most one event of each type."""
    return Event(f"msg_{subject}_{event_type.replace('.', '_')}", event_type, time, data)
