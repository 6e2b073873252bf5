"""A parser for the JSON of paid responses. What is not valid JSON is read as far as that is safe.

`fast_json` parses valid documents. For any other text, this module accepts what serializers and proxies are known to
write:

- UTF-16, UTF-32, a byte order mark, and bytes that are not UTF-8;
- NaN, Infinity and numbers that are too large, which become None;
- trailing commas, control characters in strings, and lone surrogates, which become U+FFFD;
- text before and after the document, and several documents, of which the longest is returned;
- a name that an object has twice: an empty value never replaces another value.

The parser is Python's own, so its depth is limited too. No text takes more than linear time.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

_MAX_PREFIX_CHARS = 1024  # of text before the document, e.g. ")]}'," or "callback("
_MAX_ATTEMPTS = 50  # to parse a document
_MAX_NUMBER_CHARS = 400  # Python takes quadratic time for longer integers
# A string, or a comma before a closing bracket. Strings are matched so that commas inside them are not.
_STRING_OR_TRAILING_COMMA = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|,(?=\s*+[}\]])', re.DOTALL)
_DOCUMENT_START = re.compile(r"[{\[]")


def parse_invalid_json(body: bytes) -> Any:
    """Return the longest JSON object or array in a text. Raises ValueError when there is none."""
    text = body.decode(json.detect_encoding(body), errors="replace")
    documents = list(_parse_documents(_STRING_OR_TRAILING_COMMA.sub(_drop_comma, text)))
    if not documents:
        raise ValueError("the text has no JSON document")
    # max() returns the first of equal documents.
    return _replace_surrogates(max(documents, key=lambda document: document[0])[1])


def _drop_comma(match: re.Match[str]) -> str:
    return "" if match[0] == "," else match[0]


def _parse_documents(text: str) -> Iterator[tuple[int, Any]]:
    """Yield the length and the value of each document."""
    decoder = json.JSONDecoder(
        object_pairs_hook=_join_pairs,
        parse_constant=lambda _: None,
        parse_int=_parse_int,
        parse_float=_parse_float,
        strict=False,
    )
    position = limit = 0
    for _ in range(_MAX_ATTEMPTS):
        start = _DOCUMENT_START.search(text, position, limit + _MAX_PREFIX_CHARS)
        if not start:
            return
        try:
            value, position = decoder.raw_decode(text, start.start())
        except (ValueError, RecursionError):
            position = start.end()
        else:
            limit = position
            yield position - start.start(), value


def _join_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object. Of two values of one name the last counts, unless it is empty."""
    joined: dict[str, Any] = {}
    for name, value in pairs:
        if value or not joined.get(name):
            joined[name] = value
    return joined


def _parse_int(digits: str) -> int | None:
    return int(digits) if len(digits) <= _MAX_NUMBER_CHARS else None


def _parse_float(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _replace_surrogates(value: Any) -> Any:
    """Return the value without lone surrogates, which no encoder accepts."""
    if isinstance(value, str):
        return (
            value
            if value.isascii()
            else value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        )
    if isinstance(value, dict):
        return {
            _replace_surrogates(name): _replace_surrogates(inner) for name, inner in value.items()
        }
    return [_replace_surrogates(inner) for inner in value] if isinstance(value, list) else value
