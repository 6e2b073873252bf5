"""What the mirror tells the event bus: CloudEvents 1.0, each in the detail of an EventBridge entry."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from retouch.mirror.item import Item, host
from retouch.mirror.order import Order

SOURCE = "retouch"
STORED, FAILED = "retouch.mirror.stored", "retouch.mirror.failed"
_TOLD = ("key", "bucket", "content_type", "bytes", "sha256", "width", "height")


def notices(order: Order, items: Sequence[Item], unix: int) -> list[dict[str, Any]]:
    """One CloudEvent per URL; `id` stays the same when a repeated order says the same again.

    The source's URL may carry a signature, so its host and hash stand for it, and no link into the bucket is told.
    """
    time = datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    found = {event["id"]: event for event in (_notice(order, item, time) for item in items)}
    return list(found.values())


def _notice(order: Order, item: Item, time: str) -> dict[str, Any]:
    kind = FAILED if item.error else STORED
    outcome = item.key or (item.error.code if item.error else "")
    event = {
        "specversion": "1.0",
        "id": hashlib.sha256(f"{item.source_url}\n{outcome}".encode()).hexdigest(),
        "source": f"urn:{SOURCE}:mirror",
        "type": kind,
        "time": time,
        "datacontenttype": "application/json",
        "data": _data(order, item),
    }
    return {**event, "subject": item.key} if item.key else event


def _data(order: Order, item: Item) -> dict[str, Any]:
    known = {} if item.error else {name: getattr(item, name) for name in _TOLD}
    return {
        "status": item.status,
        "source_host": host(item.source_url),
        "source_url_sha256": hashlib.sha256(item.source_url.encode()).hexdigest(),
        "metadata": dict(order.metadata),
        **known,
        "error": asdict(item.error) if item.error else None,
    }
