"""A fast JSON parser for documents that contain images: responses of providers, and Lambda events.

A parser is slow on a string of several megabytes because it must look for escapes. Base64 contains no escapes. So this
module cuts the long values out of the document, parses the rest with orjson, and inserts the values again. The long
values are `b64_json` in a response and `body` in an event.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import orjson

# The runtime loop imports this module first, and an import of `typing` would slow a cold start.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MIN_CUT_BYTES = 16_384  # below this, to cut takes longer than to parse
_IMAGE_KEY = b'"b64_json":'
_BODY_KEY = b'"body":"'
_PLACEHOLDER = "\0cut "  # written as \u0000cut in JSON; no image and no text starts with it


def loads(body: bytes) -> Any:
    """Return the same value as `orjson.loads`. Raises ValueError when the body is not JSON."""
    spans = list(_find_spans(body)) if len(body) >= _MIN_CUT_BYTES else []
    if not spans:
        return orjson.loads(body)
    return _restore_values(*_parse_without(body, spans))


def _parse_without(
    text: bytes | bytearray, spans: Sequence[tuple[int, int]]
) -> tuple[Any, list[str]]:
    """Parse a document with a placeholder for each span. Return the document and the texts of the spans."""
    pieces, copied_until = [], 0
    for index, (start, end) in enumerate(spans):
        pieces += [text[copied_until:start], b"\\u0000cut %d" % index]
        copied_until = end
    document = orjson.loads(b"".join((*pieces, text[copied_until:])))
    return document, [str(memoryview(text)[start:end], "utf-8") for start, end in spans]


def _find_spans(body: bytes) -> Iterator[tuple[int, int]]:
    """Yield the start and end of each long value of `b64_json`.

    The key cannot match inside a JSON string, because its quotes would be escaped there.
    """
    position = body.find(_IMAGE_KEY)
    while position >= 0:
        start = body.find(b'"', position + len(_IMAGE_KEY)) + 1
        end = body.find(b'"', start)
        if not 0 < start <= end:
            return
        # JSON allows only white space between the colon and the quote.
        is_direct_value = not body[position + len(_IMAGE_KEY) : start - 1].strip(b" \n\r\t")
        if is_direct_value and end - start >= _MIN_CUT_BYTES and body.find(b"\\", start, end) < 0:
            yield start, end
        position = body.find(_IMAGE_KEY, end if is_direct_value else start)


def _restore_values(value: Any, cut_values: list[str]) -> Any:
    if isinstance(value, str) and value.startswith(_PLACEHOLDER):
        return cut_values[int(value.removeprefix(_PLACEHOLDER))]
    if isinstance(value, dict):
        return {name: _restore_values(inner, cut_values) for name, inner in value.items()}
    return (
        [_restore_values(inner, cut_values) for inner in value]
        if isinstance(value, list)
        else value
    )


def parse_event(payload: bytes | bytearray) -> object:
    """Return the Lambda event. Only a long `body` is cut out. Raises ValueError when the payload is not JSON."""
    span = _body_span(payload) if len(payload) > _MIN_CUT_BYTES else None
    if span is None:
        return orjson.loads(payload)
    event, (body,) = _parse_without(payload, [span])
    if not isinstance(event, dict) or event.get("body") != f"{_PLACEHOLDER}0":
        return orjson.loads(payload)  # the "body" of an inner object
    event["body"] = body
    return event


def _body_span(payload: bytes | bytearray) -> tuple[int, int] | None:
    """Return the start and the end of the first string under "body", or None when it contains escapes.

    Inside a JSON string the key's quotes would be escaped, so the search cannot match there.
    """
    start = payload.find(_BODY_KEY) + len(_BODY_KEY)
    end = payload.find(b'"', start)
    if start < len(_BODY_KEY) or end < 0 or payload.find(b"\\", start, end) >= 0:
        return None
    return start, end
