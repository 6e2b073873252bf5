"""JSON with pictures in it, read fast.

A parser is slow on a string of megabytes because it may hold escapes. Base64 holds none, so long values of
`b64_json` are cut out first and put back afterwards; everything else takes the ordinary way.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

_LONG = 65_536
_KEY = b'"b64_json":'
_MARK = (
    "\0cut "  # as JSON it has to be written \u0000cut, which no picture and no sentence begins with
)


def loads(body: bytes) -> Any:
    """What `orjson.loads` gives. ValueError when it is no JSON."""
    spans = list(_spans(body)) if len(body) >= _LONG else []
    if not spans:
        return orjson.loads(body)
    pieces, last = [], 0
    for index, (start, end) in enumerate(spans):
        pieces += [body[last:start], b"\\u0000cut %d" % index]
        last = end
    document = orjson.loads(b"".join((*pieces, body[last:])))
    return _filled(document, [str(memoryview(body)[start:end], "ascii") for start, end in spans])


def _spans(body: bytes) -> Iterator[tuple[int, int]]:
    """Where long values start and end. Inside a string the quotes of the key would be escaped."""
    position = body.find(_KEY)
    while position >= 0:
        start = body.find(b'"', position + len(_KEY)) + 1
        end = body.find(b'"', start)
        if not 0 < start <= end:
            return
        # Between the colon and the quote JSON allows white space and nothing else.
        plain = not body[position + len(_KEY) : start - 1].strip(b" \n\r\t")
        if plain and end - start >= _LONG and body.find(b"\\", start, end) < 0:
            yield start, end
        position = body.find(_KEY, end if plain else start)


def _filled(value: Any, kept: list[str]) -> Any:
    if isinstance(value, str) and value.startswith(_MARK):
        return kept[int(value.removeprefix(_MARK))]
    if isinstance(value, dict):
        return {name: _filled(inner, kept) for name, inner in value.items()}
    return [_filled(inner, kept) for inner in value] if isinstance(value, list) else value
