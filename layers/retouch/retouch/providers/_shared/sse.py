"""A parser of server-sent events, for providers that stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from retouch.core.fast_json import loads


def parse_sse_events(chunks: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """Yield the JSON objects of a server-sent event stream. Line ends and chunk boundaries may be anywhere.

    Comment lines (keep-alives), the "[DONE]" that some gateways add and everything else that is no object are skipped.
    """
    data: list[bytes] = []
    for line in _split_lines(chunks):
        if line.startswith(b"data:"):
            data.append(line[5:].strip())
        elif not line and data:
            payload, data = b"\n".join(data), []
            if (event := _parse_object(payload)) is not None:
                yield event


def _parse_object(payload: bytes) -> dict[str, Any] | None:
    try:
        parsed = loads(payload)
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None


def _split_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    # One image is one line of several megabytes. The pieces are joined once, at the end of the line, to avoid copies.
    pending: list[bytes] = []
    for chunk in chunks:
        head, *rest = chunk.split(b"\n")
        pending.append(head)
        for piece in rest:
            yield b"".join(pending).rstrip(b"\r")
            pending = [piece]
    yield b"".join(pending).rstrip(b"\r")
    yield b""
