"""The two formats of a handler's return value: one JSON document, or a stream."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

import orjson

_PRELUDE_FIELDS = ("statusCode", "headers", "multiValueHeaders", "cookies")
_PRELUDE_DELIMITER = b"\0" * 8


def should_stream(event: object) -> bool:
    """Return whether the sender of the event expects a stream (a prelude and chunks) instead of one JSON document."""
    return (
        _is_http_event(event)
        and os.environ.get("RETOUCH_RESPONSE_MODE", "stream") == "stream"
        and os.environ.get("AWS_SAM_LOCAL") != "true"
    )


def prelude(response: Mapping[str, object]) -> bytes:
    """Return the status and the headers, in the format that precedes a streamed body."""
    fields = {key: response[key] for key in _PRELUDE_FIELDS if response.get(key) is not None}
    return orjson.dumps(fields) + _PRELUDE_DELIMITER


def body(response: Mapping[str, object]) -> tuple[bytes, Iterator[bytes]]:
    """Return the part of the body that is known now, and an iterator over the part that the handler produces later."""
    value = response.get("body") or b""
    if isinstance(value, Iterator):
        return b"", value
    if isinstance(value, str):
        value = _decode_body(value, base64=bool(response.get("isBase64Encoded")))
    if isinstance(value, bytes | memoryview):
        return bytes(value), iter(())
    raise TypeError(f"a body is text, bytes or an iterator of bytes, not {type(value).__name__}")


def document(response: object) -> bytes:
    """Return one JSON document. The chunks of a streamed body are joined first."""
    if isinstance(response, dict) and isinstance(
        response.get("body"), bytes | memoryview | Iterator
    ):
        response = {**response, **_join_body(response["body"])}
    return orjson.dumps(response)


def _is_http_event(event: object) -> bool:
    """Return whether the event is an HTTP request.

    REST APIs have the method at the top level. HTTP APIs and function URLs have it in the request context.
    """
    if not isinstance(event, dict):
        return False
    context = event.get("requestContext")
    return "httpMethod" in event or (isinstance(context, dict) and "http" in context)


def _join_body(body: bytes | memoryview | Iterator[bytes]) -> dict[str, object]:
    data = b"".join(body) if isinstance(body, Iterator) else bytes(body)
    try:
        return {"body": data.decode(), "isBase64Encoded": False}
    except UnicodeDecodeError:
        from base64 import b64encode

        return {"body": b64encode(data).decode(), "isBase64Encoded": True}


def _decode_body(body: str, *, base64: bool) -> bytes:
    if not base64:
        return body.encode()
    from base64 import b64decode

    return b64decode(body, validate=True)
