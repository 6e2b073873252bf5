"""The format of a stored answer: one line of JSON with the status and the headers, and then the body as it was sent."""

from __future__ import annotations

import orjson

from retouch.orders.order import StoredAnswer


def encode_answer(answer: StoredAnswer) -> bytes:
    """Return the answer as bytes."""
    head = {
        "status": answer.status,
        "headers": dict(answer.headers),
        "billed": answer.billed,
        "cost": answer.cost,
    }
    return orjson.dumps(head) + b"\n" + answer.body


def decode_answer(data: bytes) -> StoredAnswer:
    """Return the answer. Raises ValueError or KeyError for other bytes."""
    head, _, body = data.partition(b"\n")
    values = orjson.loads(head)
    return StoredAnswer(values["status"], values["headers"], body, values["billed"], values["cost"])
