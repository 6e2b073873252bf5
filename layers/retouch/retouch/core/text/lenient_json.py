"""A parser for the JSON of paid responses. What is not valid JSON is read as far as that is safe.

`fast_json` parses valid documents. For any other text, this module accepts what serializers and proxies are known to
write:

- UTF-16, UTF-32, a byte order mark, and bytes that are not UTF-8;
- NaN, Infinity and numbers that are too large, which become None;
- undefined and the words of Python (None, True, False), which become their JSON values;
- trailing commas, control characters in strings, and lone surrogates, which become U+FFFD;
- a text that ends early: a last value that is cut off is dropped, and the missing brackets are added;
- text before and after the document, and several documents, of which the longest that is no error is returned;
- a name that an object has twice: an empty value never replaces another value.

The parser is Python's own, so its depth is limited too. No text takes more than linear time.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from string import ascii_letters, digits
from typing import Any

from retouch.core.text.event_stream import is_error_event

_MAX_PREFIX_CHARS = 1024  # of text before the document, e.g. ")]}'," or "callback("
_MAX_ATTEMPTS = 50  # to parse a document
_MAX_MISSING_BRACKETS = 20
_MAX_NUMBER_CHARS = 400  # Python takes quadratic time for longer integers
# A string, a comma before a closing bracket, or a word. Strings are matched so that what is inside them is not.
# The group is empty for a string that has no end.
_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+("?)'
_STRING_OR_INVALID = re.compile(
    _STRING + r"|,(?=\s*+[}\]])|\b(?:undefined|None|True|False)\b", re.DOTALL
)
_VALID_TEXTS = {",": "", "undefined": "null", "None": "null", "True": "true", "False": "false"}
_STRING_OR_BRACKET = re.compile(_STRING + r"|[{}\[\]]", re.DOTALL)
_SEPARATORS = " \t\r\n,"
_WORD_CHARACTERS = "+-." + digits + ascii_letters  # of a number or a word
_CLOSING_BRACKETS = {"{": "}", "[": "]"}
_DOCUMENT_START = re.compile(r"[{\[]")


def parse_invalid_json(body: bytes) -> Any:
    """Return the longest JSON object or array in a text. Raises ValueError when there is none."""
    text = body.decode(json.detect_encoding(body), errors="replace")
    valid_text = _STRING_OR_INVALID.sub(lambda m: _VALID_TEXTS.get(m[0], m[0]), text)
    documents = list(_parse_documents(valid_text))
    if completed_text := _complete_text(valid_text):
        completed = _parse_documents(completed_text)
        documents += [(length, document) for length, document in completed if document]
    if not documents:
        raise ValueError("the text has no JSON document")
    # max() returns the first of equal documents.
    return _replace_surrogates(max(documents, key=_document_rank)[1])


def _document_rank(document: tuple[int, Any]) -> tuple[bool, int]:
    """Return what decides between several documents. An error after a result does not take it back."""
    length, value = document
    return not (isinstance(value, dict) and is_error_event(value)), length


def _complete_text(text: str) -> str:
    """Return a text that ends early, without its last value if that is cut off, and with its closing brackets.

    Returns "" for a text that lacks no bracket, or too many.
    """
    expected: list[str] = []
    end = len(text)
    for match in _STRING_OR_BRACKET.finditer(text):
        matched = match[0]
        if matched in _CLOSING_BRACKETS:
            expected.append(_CLOSING_BRACKETS[matched])
        elif expected and matched == expected[-1]:
            expected.pop()
        elif match[1] == "":
            end = match.start()
    if not 0 < len(expected) <= _MAX_MISSING_BRACKETS:
        return ""
    # A number or a word at the end may be cut off too.
    complete = text[:end].rstrip(_WORD_CHARACTERS).rstrip(_SEPARATORS)
    return _drop_open_name(complete) + "".join(reversed(expected))


def _drop_open_name(text: str) -> str:
    """Return a text without a name at its end that has no value."""
    if not text.endswith(":"):
        return text
    name_end = text.rfind('"')
    return text[: text.rfind('"', 0, max(0, name_end))].rstrip(_SEPARATORS)


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
