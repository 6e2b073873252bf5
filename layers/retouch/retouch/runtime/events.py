"""From the bytes of an event to the event."""

from __future__ import annotations

import os

import orjson

_KEY = b'"body":"'
_WORTH_IT = 65_536


def parse(payload: bytes | bytearray) -> object:
    """Read the event. A JSON parser is slow on a string of megabytes, so a long body is cut out first."""
    span = _body(payload) if len(payload) > _WORTH_IT else None
    if span is None:
        return orjson.loads(payload)
    start, end = span
    token = os.urandom(16).hex()
    event = orjson.loads(payload[:start] + token.encode() + payload[end:])
    if not isinstance(event, dict) or event.get("body") != token:  # some inner object's "body"
        return orjson.loads(payload)
    event["body"] = str(memoryview(payload)[start:end], "utf-8")
    return event


def _body(payload: bytes | bytearray) -> tuple[int, int] | None:
    """Where the first string called body starts and ends, if it has no escapes.

    Inside a JSON string the quotes of the key would be escaped, so the key cannot be found there.
    """
    start = payload.find(_KEY) + len(_KEY)
    end = payload.find(b'"', start)
    if start < len(_KEY) or end < 0 or payload.find(b"\\", start, end) >= 0:
        return None
    return start, end
