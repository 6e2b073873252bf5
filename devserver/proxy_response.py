"""Convert a function's response to an HTTP response, by the rules of the proxy integration."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import pybase64

from devserver.error_responses import INVALID_RESPONSE, HeaderPairs, RequestFailed

_PRELUDE_DELIMITER = b"\0" * 8
_MAX_PRELUDE_BYTES = 65_536
_FRAMING_HEADERS = frozenset(
    {"connection", "content-length", "keep-alive", "transfer-encoding", "upgrade"}
)


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """The status and the headers of a response, with names in lower case."""

    status: int
    headers: HeaderPairs


async def read_prelude(chunks: AsyncIterator[bytes]) -> tuple[ResponseHead, bytes]:
    """Return the head of a streamed response and the part of the body that arrived with it.

    Raises RequestFailed when there is no valid prelude.
    """
    received = b""
    async for chunk in chunks:
        received += chunk
        prelude, delimiter, rest = received.partition(_PRELUDE_DELIMITER)
        if delimiter:
            return _parse_head(_parse_document(prelude)), rest
        if len(received) > _MAX_PRELUDE_BYTES:
            break
    raise RequestFailed(INVALID_RESPONSE)


def parse_streamed_response(data: bytes) -> tuple[ResponseHead, bytes]:
    """Return the head and the body of a streamed response that was read completely."""
    prelude, delimiter, body = data.partition(_PRELUDE_DELIMITER)
    if not delimiter:
        raise RequestFailed(INVALID_RESPONSE)
    return _parse_head(_parse_document(prelude)), body


def parse_buffered_response(data: bytes) -> tuple[ResponseHead, bytes]:
    """Return the head and the body of a buffered proxy response."""
    document = _parse_document(data)
    body = document.get("body") or ""
    try:
        decoded = _decode_body(body, base64=bool(document.get("isBase64Encoded")))
    except (ValueError, AttributeError):
        raise RequestFailed(INVALID_RESPONSE) from None
    return _parse_head(document), decoded


def _parse_document(data: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise RequestFailed(INVALID_RESPONSE) from None
    if not isinstance(document, dict) or "statusCode" not in document:
        raise RequestFailed(INVALID_RESPONSE)
    return document


def _decode_body(body: str, *, base64: bool) -> bytes:
    return pybase64.b64decode(body, validate=True) if base64 else body.encode()


def _parse_head(document: Mapping[str, Any]) -> ResponseHead:
    try:
        status = int(document["statusCode"])
        pairs = tuple(
            _encode_header(*line)
            for line in _header_values(document)
            if line[0] not in _FRAMING_HEADERS
        )
    except (TypeError, ValueError, AttributeError):
        raise RequestFailed(INVALID_RESPONSE) from None
    if not 200 <= status <= 599:
        raise RequestFailed(INVALID_RESPONSE)
    return ResponseHead(status, pairs)


def _header_values(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each header value. For a name in both maps, multiValueHeaders takes precedence."""
    multi_value_headers = {
        name.lower(): v for name, v in (document.get("multiValueHeaders") or {}).items()
    }
    for name, value in (document.get("headers") or {}).items():
        if name.lower() not in multi_value_headers:
            yield name.lower(), value
    for name, values in multi_value_headers.items():
        for value in values:
            yield name, value
    for cookie in document.get("cookies") or ():
        yield "set-cookie", cookie


def _encode_header(name: str, value: object) -> tuple[bytes, bytes]:
    text = str(value)
    if "\n" in text or "\r" in text:
        raise ValueError(name)
    return name.encode("latin-1"), text.encode("latin-1")
