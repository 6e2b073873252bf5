"""A parser of server-sent events, for providers that stream or that answer with a stream unasked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from retouch.core.text.fast_json import loads

UTF8_BOM = b"\xef\xbb\xbf"
_ERROR_FIELDS = {"error", "type"}
_HEAD_BYTES = 64  # enough for a BOM, some blank lines and the first field name
# No JSON document starts with one of these.
_FIELD_STARTS = (b"data:", b"event:", b"id:", b"retry:", b":")


def is_event_stream(body: bytes) -> bool:
    """Return whether a body is a server-sent event stream, by its first bytes alone."""
    return body[:_HEAD_BYTES].removeprefix(UTF8_BOM).lstrip().lower().startswith(_FIELD_STARTS)


def parse_sse_events(chunks: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """Yield the JSON objects of a server-sent event stream. Line ends and chunk boundaries may be anywhere.

    An object without a `type` gets the name of its event. An "error" event may have plain text, which becomes its
    message. The names of fields may have any case. Comment lines (keep-alives), the "[DONE]" that some gateways add and
    everything else that is not an object are skipped.
    """
    name, data = "", []
    for line in _split_lines(chunks):
        if line[:5].lower() == b"data:":
            data.append(line[5:].strip())
        elif line[:6].lower() == b"event:":
            name = line[6:].strip().decode(errors="replace")
        elif not line:
            event = _parse_event(name, b"\n".join(data)) if data else None
            name, data = "", []
            if event is not None:
                yield event


def is_error_event(event: Mapping[str, Any]) -> bool:
    """Return whether an event reports an error and nothing else. The state of a task that failed is more."""
    return event.get("type") == "error" or bool(
        event.get("error") and event.keys() <= _ERROR_FIELDS
    )


def _parse_event(name: str, payload: bytes) -> dict[str, Any] | None:
    parsed = _parse_payload(payload)
    if name == "error" and isinstance(parsed, str):
        return {"type": name, "message": parsed}
    if not isinstance(parsed, dict):
        return None
    return {"type": name, **parsed} if name else parsed


def _parse_payload(payload: bytes) -> Any:
    """Return the JSON value, or the text when it is not JSON. Invalid JSON is read too, because it may be paid for."""
    try:
        return loads(payload)
    except ValueError:
        text = payload.decode(errors="replace")
    if not text.startswith("{"):
        return text
    # Imported here, because few streams need it.
    from retouch.core.text.lenient_json import parse_invalid_json

    try:
        return parse_invalid_json(payload)
    except ValueError:
        return text


def _split_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    # One image is one line of several megabytes. The pieces are joined once, at the end of the line, to avoid copies.
    pending: list[bytes] = []
    for chunk in _normalize_line_ends(_strip_bom(chunks)):
        head, *rest = chunk.split(b"\n")
        pending.append(head)
        for piece in rest:
            yield b"".join(pending)
            pending = [piece]
    yield b"".join(pending)
    yield b""


def _normalize_line_ends(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the chunks with LF as the end of each line. The standard also allows CR LF and CR."""
    was_cr = False
    for chunk in chunks:
        rest = chunk[1:] if was_cr and chunk.startswith(b"\n") else chunk
        was_cr = chunk.endswith(b"\r")
        yield rest.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in rest else rest


def _strip_bom(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the chunks without a byte order mark."""
    rest, head = iter(chunks), b""
    for chunk in rest:
        head += chunk
        if len(head) >= len(UTF8_BOM) or not UTF8_BOM.startswith(head):
            break
    yield head.removeprefix(UTF8_BOM)
    yield from rest
