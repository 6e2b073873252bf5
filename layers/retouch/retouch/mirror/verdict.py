"""What becomes of an order that nobody waits for: done, tried again, or put aside with its reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from retouch.errors import InvalidRequest
from retouch.mirror.item import Item
from retouch.mirror.order import Order

_FIRST_WAIT = 10  # seconds
_LONGEST_WAIT = 300


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter: what to send again once its cause is gone, and the cause."""

    body: str
    code: str
    reason: str


def letter(order: Order, items: Sequence[Item]) -> Letter | None:
    """What of an order not worth another try was not stored, as an order of its own; None where all was."""
    missing = {item.source_url: item.error for item in items if item.error}
    if not missing:
        return None
    first = next(iter(missing.values()))
    again: dict[str, Any] = {
        "urls": list(missing),
        "prefix": order.prefix,
        "metadata": order.metadata,
        "expires_in": order.expires_in,
    }
    return Letter(orjson.dumps(again).decode(), first.code, first.message)


def unreadable(body: str, error: InvalidRequest) -> Letter:
    """A message that is no order."""
    return Letter(body, str(error.code), str(error))


def again(items: Sequence[Item]) -> bool:
    """Whether the whole order is worth another try; what is stored already is found then."""
    return any(item.transient for item in items)


def pause(received: int) -> int:
    """Seconds before a message is handed out again: links die within minutes, so sooner than the queue would."""
    return int(min(_FIRST_WAIT * 3 ** (received - 1), _LONGEST_WAIT))
