"""The end of an edit as a CloudEvent: thin, with links and without pixels and prompts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

EVENT_SOURCE = "urn:retouch:edits"
COMPLETED_TYPE, FAILED_TYPE, CANCELLED_TYPE = (
    "retouch.edit.completed",
    "retouch.edit.failed",
    "retouch.edit.cancelled",
)
_TYPES = {"completed": COMPLETED_TYPE, "cancelled": CANCELLED_TYPE}
_IMAGE_FIELDS = ("url",)


def edit_event(subject: str, document: Mapping[str, Any], unix_time: int) -> dict[str, Any]:
    """Return the event of an edit's end. The same end always has the same `id`."""
    event_type = _TYPES.get(str(document.get("status")), FAILED_TYPE)
    return {
        "specversion": "1.0",
        "id": f"{subject}/{event_type}",
        "source": EVENT_SOURCE,
        "type": event_type,
        "time": datetime.fromtimestamp(unix_time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "subject": subject,
        "datacontenttype": "application/json",
        "data": document,
    }


def thin_document(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a job without pixels and without the model's words about the prompt."""
    result = document.get("result")
    if not result:
        return dict(document)
    images = [
        {name: image[name] for name in _IMAGE_FIELDS if name in image} for image in result["data"]
    ]
    return {**document, "result": {**result, "data": images}}
