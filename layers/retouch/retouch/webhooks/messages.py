"""The messages of the queue of deliveries. A message only names a delivery."""

from __future__ import annotations

import orjson

MAX_DELAY_SECONDS = (
    43_200  # the longest time for which SQS hides a message; the record knows the rest
)


def delivery_message(scope: str, delivery_id: str) -> dict[str, str]:
    """Return the message of a delivery."""
    return {"scope": scope, "delivery": delivery_id}


def decode_message(body: str) -> tuple[str, str] | None:
    """Return the scope and the id of the delivery that a message names, or None for any other text."""
    try:
        document = orjson.loads(body)
        scope, identifier = document["scope"], document["delivery"]
    except (ValueError, KeyError, TypeError):
        return None
    return (scope, identifier) if isinstance(scope, str) and isinstance(identifier, str) else None
