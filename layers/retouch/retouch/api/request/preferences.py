"""Reads the header `Prefer` (RFC 7240): preferences with values, between commas. A `;` separates them too."""

from __future__ import annotations

import re
from collections.abc import Mapping

_ITEM = re.compile(r'(?:[^,;"]|"(?:[^"\\]|\\.)*"?)+')  # a quoted value may have commas
_SECONDS = re.compile("[0-9]{1,9}", re.ASCII)


def read_preferences(headers: Mapping[str, str]) -> Mapping[str, str]:
    """Return the preferences by name, in lower case. The first one of a name counts. An empty value is no value."""
    found: dict[str, str] = {}
    for item in _ITEM.findall(headers.get("prefer", "")):
        name, _, value = item.partition("=")
        found.setdefault(name.strip().lower(), value.strip().strip('"').strip())
    return found


def read_wait(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of the preference `wait`, or None without it, or when it is no whole number."""
    text = read_preferences(headers).get("wait", "")
    return float(text) if _SECONDS.fullmatch(text) else None
