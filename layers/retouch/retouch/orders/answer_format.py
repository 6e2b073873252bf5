"""The format of a stored answer: one line of JSON with the status and the headers, and then the body as it was sent."""

from __future__ import annotations

import logging

import orjson

from retouch.orders.order import StoredAnswer

_log = logging.getLogger("retouch")


def encode_answer(answer: StoredAnswer) -> bytes:
    """Return the answer as bytes."""
    head = {
        "status": answer.status,
        "headers": dict(answer.headers),
        "billed": answer.billed,
        "cost": answer.cost,
        "price": answer.price,
        "tokens": answer.tokens,
    }
    return orjson.dumps(head) + b"\n" + answer.body


def decode_answer(order_id: str, data: bytes) -> StoredAnswer | None:
    """Return the answer, or None for bytes that are no answer. They go to the log."""
    head, _, body = data.partition(b"\n")
    try:
        values = orjson.loads(head)
        return StoredAnswer(
            values["status"],
            dict(values["headers"]),
            body,
            values["billed"],
            values["cost"],
            values.get("price"),  # answers of earlier versions have neither
            values.get("tokens", 0),
        )
    except (ValueError, KeyError, TypeError):
        _log.error("the stored answer of an order is damaged", extra={"order": order_id})
        return None
