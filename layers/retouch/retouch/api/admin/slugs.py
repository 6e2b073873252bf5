"""Slugs that are made from names: the words of the name, and random digits that make the slug unique."""

from __future__ import annotations

import re
import secrets

_MAX_WORD_CHARS = 36


def make_slug(name: str, prefix: str = "") -> str:
    """Return a new slug, such as pc-web-shop-1f9a3c for the prefix "pc-"."""
    words = re.sub(r"[^a-z0-9]+", "-", name.lower())[:_MAX_WORD_CHARS].strip("-")
    return f"{prefix}{words or 'x'}-{secrets.token_hex(3)}"
