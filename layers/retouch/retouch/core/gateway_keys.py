"""Recognition of the gateway's own keys, so that none of them is sent to a provider or written into a log.

A caller may paste a key in the wrong place: "Bearer Bearer rt_...", quoted, percent-encoded, in base64, in upper case.
A key is `rt_` and 43 characters. These characters alone are the secret, so the caller's own key is also recognized
without its prefix and inside another word.
"""

from __future__ import annotations

import binascii
import re
import secrets
from base64 import b64decode
from collections.abc import Iterator
from urllib.parse import unquote

GATEWAY_KEY_PREFIX = "rt_"
# The start of a word is part of the pattern, because a long key of a provider may contain "rt_" by chance.
_KEY_PATTERN = re.compile(r"(?<![A-Za-z0-9_-])rt_[A-Za-z0-9_-]{43}", re.I | re.ASCII)
_BASE64_WORD = re.compile(r"[A-Za-z0-9+/_-]{24,}", re.ASCII)
_JSON_ESCAPE = re.compile(r"\\u([0-9A-Fa-f]{4})", re.ASCII)
_URL_SAFE = str.maketrans("-_", "+/")
_MAX_DECODINGS = 3  # of one text that is encoded several times
_MIN_SECRET_CHARS = 24  # 144 bits, which no other text contains by chance


def new_gateway_key() -> str:
    """Return a new key with 256 random bits."""
    return GATEWAY_KEY_PREFIX + secrets.token_urlsafe(32)


def contains_gateway_key(text: str, own_key: str = "") -> bool:
    """Return whether the text contains a key of this gateway. `own_key` is the key of the caller."""
    if len(text) < _MIN_SECRET_CHARS:
        return False
    secret = own_key[len(GATEWAY_KEY_PREFIX) :][:_MIN_SECRET_CHARS].lower()
    return any(_contains(spelling, secret) for spelling in _decodings(text))


def contains_encoded_gateway_key(text: str, own_key: str = "") -> bool:
    """Return whether the text contains a key of this gateway, as it is or in base64, as in Basic authentication."""
    return contains_gateway_key(text, own_key) or any(
        contains_gateway_key(decoded, own_key) for decoded in _base64_decodings(text)
    )


def _contains(text: str, secret: str) -> bool:
    lower_text = text.lower()
    if len(secret) == _MIN_SECRET_CHARS and secret in lower_text:
        return True
    return GATEWAY_KEY_PREFIX in lower_text and _KEY_PATTERN.search(text) is not None


def _decodings(text: str) -> Iterator[str]:
    """Yield the text, and the text without percent-encoding and without the escapes of JSON."""
    yield text
    for _ in range(_MAX_DECODINGS):
        if "%" not in text and r"\u" not in text:
            return
        text = _JSON_ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), unquote(text))
        yield text


def _base64_decodings(text: str) -> Iterator[str]:
    for word in _BASE64_WORD.findall(text):
        try:
            data = b64decode(word.translate(_URL_SAFE) + "=" * (-len(word) % 4))
        except binascii.Error:
            continue
        yield data.decode("latin-1")
