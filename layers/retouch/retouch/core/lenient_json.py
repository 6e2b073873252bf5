"""A parser for the JSON of paid responses. What is not valid JSON is read as far as that is safe.

`fast_json` parses valid documents. For any other text, this module accepts what serializers and proxies are known to
write:

- UTF-16, UTF-32, a byte order mark, and bytes that are not UTF-8;
- NaN, Infinity and numbers that are too large, which become None;
- undefined and the words of Python (None, True, False), which become their JSON values;
- trailing commas, control characters in strings, and lone surrogates, which become U+FFFD;
- missing brackets at the end, where the text does not end inside a string;
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
_MAX_MISSING_BRACKETS = 20
_MAX_NUMBER_CHARS = 400  # Python takes quadratic time for longer integers
# A string, a comma before a closing bracket, or a word. Strings are matched so that what is inside them is not.
_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?'
_STRING_OR_INVALID = re.compile(
    _STRING + r"|,(?=\s*+[}\]])|\b(?:undefined|None|True|False)\b", re.DOTALL
)
_VALID_TEXTS = {",": "", "undefined": "null", "None": "null", "True": "true", "False": "false"}
_STRING_OR_BRACKET = re.compile(_STRING + r"|[{}\[\]]", re.DOTALL)
_CLOSING_BRACKETS = {"{": "}", "[": "]"}
_DOCUMENT_START = re.compile(r"[{\[]")


def parse_invalid_json(body: bytes) -> Any:
    """Return the longest JSON object or array in a text. Raises ValueError when there is none."""
    text = body.decode(json.detect_encoding(body), errors="replace")
    valid_text = _STRING_OR_INVALID.sub(lambda m: _VALID_TEXTS.get(m[0], m[0]), text)
    documents = list(_parse_documents(valid_text))
    if closing_brackets := _missing_brackets(valid_text):
        closed = _parse_documents(valid_text.rstrip(" \t\r\n,") + closing_brackets)
        documents += [(length, document) for length, document in closed if document]
    if not documents:
        raise ValueError("the text has no JSON document")
    # max() returns the first of equal documents.
    return _replace_surrogates(max(documents, key=lambda document: document[0])[1])


def _missing_brackets(text: str) -> str:
    """Return the closing brackets that a text lacks at its end, or "" when it ends inside a string."""
    expected: list[str] = []
    token = ""
    for match in _STRING_OR_BRACKET.finditer(text):
        token = match[0]
        if token in _CLOSING_BRACKETS:
            expected.append(_CLOSING_BRACKETS[token])
        elif expected and token == expected[-1]:
            expected.pop()
    is_in_string = token.startswith('"') and (len(token) == 1 or not token.endswith('"'))
    return (
        "" if is_in_string or len(expected) > _MAX_MISSING_BRACKETS else "".join(reversed(expected))
    )


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
