"""The mirror's events for the event bus: CloudEvents 1.0, each in the detail of an EventBridge entry."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from retouch.mirror.request import MirrorRequest
from retouch.mirror.result import MirrorResult, url_host

EVENT_SOURCE = "retouch"
STORED_TYPE, FAILED_TYPE = "retouch.mirror.stored", "retouch.mirror.failed"
_STORED_FIELDS = ("key", "bucket", "content_type", "bytes", "sha256", "width", "height")


def cloud_events(
    request: MirrorRequest, results: Sequence[MirrorResult], unix_time: int
) -> list[dict[str, Any]]:
    """Return one CloudEvent per URL. A repeated request with the same result has the same event `id`.

    The source URL may contain a signature, so the event has only its host and hash. It never has a link into the
    bucket.
    """
    time = datetime.fromtimestamp(unix_time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    events_by_id = {
        event["id"]: event for event in (_cloud_event(request, result, time) for result in results)
    }
    return list(events_by_id.values())


def _cloud_event(request: MirrorRequest, result: MirrorResult, time: str) -> dict[str, Any]:
    event_type = FAILED_TYPE if result.error else STORED_TYPE
    outcome = result.key or (result.error.code if result.error else "")
    event = {
        "specversion": "1.0",
        "id": hashlib.sha256(f"{result.source_url}\n{outcome}".encode()).hexdigest(),
        "source": f"urn:{EVENT_SOURCE}:mirror",
        "type": event_type,
        "time": time,
        "datacontenttype": "application/json",
        "data": _event_data(request, result),
    }
    return {**event, "subject": result.key} if result.key else event


def _event_data(request: MirrorRequest, result: MirrorResult) -> dict[str, Any]:
    stored_fields = {} if result.error else {name: getattr(result, name) for name in _STORED_FIELDS}
    return {
        "status": result.status,
        "source_host": url_host(result.source_url),
        "source_url_sha256": hashlib.sha256(result.source_url.encode()).hexdigest(),
        "metadata": dict(request.metadata),
        **stored_fields,
        "error": asdict(result.error) if result.error else None,
    }
