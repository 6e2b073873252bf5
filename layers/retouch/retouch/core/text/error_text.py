"""The sentence of a provider in the body of an error: JSON of many shapes, text or an HTML page, in any charset."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_MESSAGE_KEYS = (
    "message",
    "msg",
    "error",
    "detail",
    "errors",
    "error_message",
    "error_description",
    "faultstring",
    "fault",
    "description",
    "title",
)
_MAX_DEPTH = 8  # nested levels of an error that are searched for a message
_MAX_TEXT_BYTES = 1_000_000  # of a body that is decoded; a longer one is no error message
_MAX_PAGE_CHARS = 16_384  # of a page that are read
_MAX_SENTENCE_CHARS = 300  # of a page that are returned
_CHARSET_PATTERN = re.compile(r'charset\s*=\s*"?([\w.:+-]{1,40})', re.ASCII | re.IGNORECASE)
_BYTE_ORDER_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\0\0", "utf-32"),
    (b"\0\0\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
# Codecs of names. Their time grows with the square of the length.
_SLOW_CODECS = ("idna", "punycode")
_HIDDEN_ELEMENTS = ("script", "style", "template")


def error_message(error: Any, depth: int = _MAX_DEPTH) -> str:
    """Return the message in an error, or "" if there is none.

    The error may be text, an object that contains the text, or a list of either. At most `depth` levels are searched. A
    validation error, e.g. FastAPI's {"loc": ["body", "image"], "msg": "Field required"}, has its location before it.
    """
    if not depth:
        return ""
    if isinstance(error, Mapping):
        messages = (error_message(error.get(name), depth - 1) for name in _MESSAGE_KEYS)
        message, location = next(filter(None, messages), ""), _location(error.get("loc"))
        return f"{location}: {message}" if message and location else message
    if isinstance(error, list):
        return "; ".join(filter(None, (error_message(item, depth - 1) for item in error)))
    return error if isinstance(error, str) else ""


def _location(value: Any) -> str:
    """Return the location of a validation error. "body" alone says nothing."""
    return ".".join(map(str, value)) if isinstance(value, list) and value != ["body"] else ""


def decode_text(body: bytes, content_type: str) -> str:
    """Return the text of a body: by its byte order mark, its charset, as UTF-8, or else as Windows-1252."""
    body = body[:_MAX_TEXT_BYTES]
    declared = _CHARSET_PATTERN.search(content_type)
    marked = next((codec for mark, codec in _BYTE_ORDER_MARKS if body.startswith(mark)), "")
    for codec in (marked, declared[1] if declared else "", "utf-8", _guess_utf_16(body)):
        if codec and codec.lower() not in _SLOW_CODECS:
            try:
                return body.decode(codec)
            except (LookupError, ValueError):
                continue
    return body.decode("cp1252", "replace")


def _guess_utf_16(body: bytes) -> str:
    """Return the codec of UTF-16 without a mark, whose ASCII characters have a zero byte, else ""."""
    first_bytes = body[:2]
    if len(first_bytes) < 2 or first_bytes.count(0) != 1:
        return ""
    return "utf-16-be" if first_bytes[0] == 0 else "utf-16-le"


def page_sentence(text: str) -> str:
    """Return the beginning of a text or of a page without its markup, in one line, or "" for binary data.

    It ends between two words, so that it never has a part of a key, which another check could not find.
    """
    text = text[:_MAX_PAGE_CHARS]
    if not text.lstrip().startswith("<"):
        return _first_words(text)
    return _first_words(_visible_text(text))


def _first_words(text: str) -> str:
    if "\0" in text or "\ufffd" in text:
        return ""
    line = " ".join(text.split())
    if len(line) <= _MAX_SENTENCE_CHARS:
        return line
    words = line[:_MAX_SENTENCE_CHARS].rpartition(" ")[0]
    return f"{words} ..." if words else ""


def _visible_text(page: str) -> str:
    # Imported here, because most cold starts never see a page.
    from html.parser import HTMLParser

    class TextCollector(HTMLParser):
        """Collects the text outside hidden elements."""

        def __init__(self) -> None:
            super().__init__()
            self.texts: list[str] = []
            self.hidden_depth = 0

        def handle_starttag(self, tag: str, _: list[tuple[str, str | None]]) -> None:
            self.hidden_depth += tag in _HIDDEN_ELEMENTS

        def handle_endtag(self, tag: str) -> None:
            if tag in _HIDDEN_ELEMENTS:
                self.hidden_depth = max(0, self.hidden_depth - 1)

        def handle_data(self, data: str) -> None:
            if not self.hidden_depth:
                self.texts.append(data)

    collector = TextCollector()
    collector.feed(page)
    collector.close()
    return " ".join(collector.texts)
