"""Images that come as text: base64 in any common form, and data: URLs. They become standard base64.

Standard base64 has the alphabet A-Z a-z 0-9 + /, padding, and no other characters (RFC 4648, section 4).
"""

from __future__ import annotations

import re
from base64 import b64decode
from urllib.parse import unquote_to_bytes

import pybase64

from retouch.core.image_formats import detect_format, detect_other_format

# The text before base64: a data: URL up to its data, Markdown or HTML with one, "base64:", "image/png;base64,". JSON
# is left to its parsers.
_BASE64_PREFIX = re.compile(r"\s*+(?![{\[]).{0,300}base64\s*[,:]", re.IGNORECASE | re.DOTALL)
# A data: URL without base64 up to its data, or quotes that some serializers add.
_PREFIX = re.compile(r"""\s*(?:b?["'])?\s*(?P<header>data:[^,]*,)?""", re.IGNORECASE)
_CLOSING_MARKS = ('"', "'", ")", "<", ">")  # after the base64 in Markdown, HTML or Python
_INVISIBLE_CHARACTERS = re.compile("[\ufeff\u200b-\u200d\u2060]")
_MAX_PERCENT_ENCODINGS = 2
_DETECTION_CHARS = 64  # base64 characters that are enough to detect the image format
_FOREIGN_CHARACTERS = re.compile(r"[^A-Za-z0-9+/]+")
_URL_SAFE = str.maketrans("-_", "+/")


def text_to_base64(text: str) -> str:
    """Return the image in a text as standard base64, or "" when the text is not an image of a known format."""
    prefix = _BASE64_PREFIX.match(text) or _PREFIX.match(text)
    data = text[prefix.end() :] if prefix and prefix.end() else text
    if prefix and prefix.re is _PREFIX and prefix["header"]:
        return _encode_image(unquote_to_bytes(data))
    base64 = _standard_base64(data)
    return base64 if detect_base64_format(base64) else ""


def detect_base64_format(base64: str) -> str | None:
    """Return the format by the first bytes of an image in standard base64, or None if it is no known image."""
    try:
        head = b64decode(base64[:_DETECTION_CHARS], validate=True)
    except ValueError:
        return None
    return detect_format(head) or detect_other_format(head)


def decode_damaged_base64(base64: str) -> bytes:
    """Return the bytes of a text without the characters that are no base64."""
    return pybase64.b64decode(_fix_padding(_FOREIGN_CHARACTERS.sub("", base64)))


def _encode_image(data: bytes) -> str:
    is_image = detect_format(data) or detect_other_format(data)
    return pybase64.b64encode_as_string(data) if is_image else ""


def _standard_base64(text: str) -> str:
    """Return the base64 in the standard alphabet, without white space and with padding.

    Each step runs only when it is needed, because the text may have many megabytes.
    """
    if not text.isascii():
        text = _INVISIBLE_CHARACTERS.sub("", text)
    if not text.isascii():
        return ""
    text = _remove_quoting(text.strip("\"' \t\r\n"))
    if " " in text:
        text = _replace_spaces(text)
    if "\n" in text or "\r" in text or "\t" in text:
        text = "".join(text.split())
    if "-" in text or "_" in text:
        text = text.translate(_URL_SAFE)
    return _fix_padding(text) if len(text) % 4 or text.endswith("===") else text


def _remove_quoting(text: str) -> str:
    """Return the text without closing marks, percent encoding and backslashes."""
    if text.endswith(_CLOSING_MARKS):
        text = min((text.partition(mark)[0] for mark in _CLOSING_MARKS), key=len)
    for _ in range(_MAX_PERCENT_ENCODINGS):
        if "%" in text:
            text = unquote_to_bytes(text).decode("latin-1")
    if "\\" in text:
        text = text.replace("\\n", "").replace("\\r", "").replace("\\", "")
    return text


def _replace_spaces(text: str) -> str:
    """Return the text without its spaces. Spaces that separate pieces of different lengths stood for a plus sign.

    A form decoder turns each plus sign into a space. It never makes lines of equal length.
    """
    *pieces, _ = text.split(" ")
    joined = text.replace(" ", "")
    is_regular = len({len(piece.strip()) for piece in pieces}) == 1
    is_separator = is_regular and (len(pieces) > 1 or not len(joined) % 4)
    return joined if is_separator or "\n" in text else text.replace(" ", "+")


def _fix_padding(text: str) -> str:
    """Return the text with padding. A single last character is dropped: it has only a part of a byte."""
    data = text.rstrip("=")
    return data[:-1] if len(data) % 4 == 1 else data + "=" * (-len(data) % 4)
