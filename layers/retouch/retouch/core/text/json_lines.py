"""JSON Lines that programs may split at every line break of Unicode, as Python's `str.splitlines` does."""

from __future__ import annotations

from typing import Any

import orjson

# JSON permits these line breaks inside a text. It escapes every other one.
_ESCAPES = {"\u0085": b"\\u0085", "\u2028": b"\\u2028", "\u2029": b"\\u2029"}


def encode_json_line(value: Any) -> bytes:
    """Return a value as one line of JSON, without the line break at its end."""
    line = orjson.dumps(value)
    for character, escape in _ESCAPES.items():
        line = line.replace(character.encode(), escape)
    return line
