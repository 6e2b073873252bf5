"""The two shapes in which a handler's return value travels: one JSON document, or a stream."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

import orjson

_PRELUDE = ("statusCode", "headers", "multiValueHeaders", "cookies")
_DELIMITER = b"\0" * 8


def streams(event: object) -> bool:
    """Whether whoever sent the event waits for a prelude and pieces, not for one JSON document."""
    return (
        _is_http(event)
        and os.environ.get("RETOUCH_RESPONSE_MODE", "stream") == "stream"
        and os.environ.get("AWS_SAM_LOCAL") != "true"
    )


def prelude(answer: Mapping[str, object]) -> bytes:
    """Status and headers, as the integration wants them in front of a streamed body."""
    known = {key: answer[key] for key in _PRELUDE if answer.get(key) is not None}
    return orjson.dumps(known) + _DELIMITER


def body(answer: Mapping[str, object]) -> tuple[bytes, Iterator[bytes]]:
    """The body: what is known of it now, and what the handler is yet to produce."""
    given = answer.get("body") or b""
    if isinstance(given, Iterator):
        return b"", given
    if isinstance(given, str):
        given = _decoded(given, base64=bool(answer.get("isBase64Encoded")))
    if isinstance(given, bytes | memoryview):
        return bytes(given), iter(())
    raise TypeError(f"a body is text, bytes or an iterator of bytes, not {type(given).__name__}")


def document(answer: object) -> bytes:
    """One JSON document; a body that comes in pieces is put together first."""
    if isinstance(answer, dict) and isinstance(answer.get("body"), bytes | memoryview | Iterator):
        answer = {**answer, **_joined(answer["body"])}
    return orjson.dumps(answer)


def _is_http(event: object) -> bool:
    """REST APIs name the method at the top, HTTP APIs and function URLs in the request context."""
    if not isinstance(event, dict):
        return False
    context = event.get("requestContext")
    return "httpMethod" in event or (isinstance(context, dict) and "http" in context)


def _joined(body: bytes | memoryview | Iterator[bytes]) -> dict[str, object]:
    whole = b"".join(body) if isinstance(body, Iterator) else bytes(body)
    try:
        return {"body": whole.decode(), "isBase64Encoded": False}
    except UnicodeDecodeError:
        from base64 import b64encode

        return {"body": b64encode(whole).decode(), "isBase64Encoded": True}


def _decoded(body: str, *, base64: bool) -> bytes:
    if not base64:
        return body.encode()
    from base64 import b64decode

    return b64decode(body, validate=True)
