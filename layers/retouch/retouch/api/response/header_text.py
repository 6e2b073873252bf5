"""Text for headers."""

from __future__ import annotations

from collections.abc import Sequence

_MAX_NOTES_BYTES = 1500  # of the header; the log has all notes


def header_text(text: str) -> str:
    """Return the text in a form that a header can contain: printable ASCII on one line."""
    if not (text.isascii() and text.isprintable()):
        text = "".join(c if c.isascii() and c.isprintable() else "?" for c in text)
    return text[:_MAX_NOTES_BYTES]


def notes_text(notes: Sequence[str]) -> str:
    """Return the notes as one header value, separated by "; "."""
    return header_text("; ".join(notes))
