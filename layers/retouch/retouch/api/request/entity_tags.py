"""Reads the header `If-None-Match` (RFC 9110): a list of entity tags, or `*`."""

from __future__ import annotations

from collections.abc import Mapping


def is_known(entity_tag: str, headers: Mapping[str, str]) -> bool:
    """Return whether the caller has the object with this strong entity tag, which has no comma."""
    text = headers.get("if-none-match", "").strip()
    return text == "*" or entity_tag in {one.strip().removeprefix("W/") for one in text.split(",")}
