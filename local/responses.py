"""A function's answer -> an HTTP response, by the rules of the proxy integration."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import pybase64

from local.problems import BAD_ANSWER, Failed, Pairs

_DELIMITER = b"\0" * 8
_LONGEST_PRELUDE = 65_536
_FRAMING = frozenset({"connection", "content-length", "keep-alive", "transfer-encoding", "upgrade"})


@dataclass(frozen=True, slots=True)
class Head:
    """Status and headers, names in lower case."""

    status: int
    headers: Pairs


async def read_prelude(pieces: AsyncIterator[bytes]) -> tuple[Head, bytes]:
    """The head of a streamed answer, and what came of the body in the same piece."""
    seen = b""
    async for piece in pieces:
        seen += piece
        prelude, found, rest = seen.partition(_DELIMITER)
        if found:
            return _head(_document(prelude)), rest
        if len(seen) > _LONGEST_PRELUDE:
            break
    raise Failed(BAD_ANSWER)


def from_stream(answer: bytes) -> tuple[Head, bytes]:
    """Head and body of a streamed answer that was collected first."""
    prelude, found, body = answer.partition(_DELIMITER)
    if not found:
        raise Failed(BAD_ANSWER)
    return _head(_document(prelude)), body


def from_document(answer: bytes) -> tuple[Head, bytes]:
    """Head and body of a proxy response."""
    document = _document(answer)
    body = document.get("body") or ""
    try:
        decoded = _decoded(body, base64=bool(document.get("isBase64Encoded")))
    except (ValueError, AttributeError):
        raise Failed(BAD_ANSWER) from None
    return _head(document), decoded


def _document(data: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise Failed(BAD_ANSWER) from None
    if not isinstance(document, dict) or "statusCode" not in document:
        raise Failed(BAD_ANSWER)
    return document


def _decoded(body: str, *, base64: bool) -> bytes:
    return pybase64.b64decode(body, validate=True) if base64 else body.encode()


def _head(document: Mapping[str, Any]) -> Head:
    try:
        status = int(document["statusCode"])
        pairs = tuple(_pair(*line) for line in _lines(document) if line[0] not in _FRAMING)
    except (TypeError, ValueError, AttributeError):
        raise Failed(BAD_ANSWER) from None
    if not 200 <= status <= 599:
        raise Failed(BAD_ANSWER)
    return Head(status, pairs)


def _lines(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """One line per value. A name in both maps counts where it is a list."""
    several = {name.lower(): v for name, v in (document.get("multiValueHeaders") or {}).items()}
    for name, value in (document.get("headers") or {}).items():
        if name.lower() not in several:
            yield name.lower(), value
    for name, values in several.items():
        for value in values:
            yield name, value
    for cookie in document.get("cookies") or ():
        yield "set-cookie", cookie


def _pair(name: str, value: object) -> tuple[bytes, bytes]:
    text = str(value)
    if "\n" in text or "\r" in text:
        raise ValueError(name)
    return name.encode("latin-1"), text.encode("latin-1")
