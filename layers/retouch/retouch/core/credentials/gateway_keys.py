"""Recognition of the gateway's own keys, so that none of them is sent to a provider or written into a log.

A caller may paste a key in the wrong place: "Bearer Bearer rt_...", quoted, in upper case, with escapes, in base64 or
in hexadecimal. A key is `rt_` and 43 characters. These characters alone are the secret, so the caller's own key is also
recognized without its prefix, inside another word, in pieces, and in base64 of base64.
"""

from __future__ import annotations

import re
import secrets
from base64 import b64decode, b64encode
from collections.abc import Iterator
from functools import lru_cache
from itertools import product
from urllib.parse import unquote

from retouch.core.frozen_dataclass import frozen_dataclass

GATEWAY_KEY_PREFIX = "rt_"
# The start of a word is part of the pattern, because a long key of a provider may contain "rt_" by chance.
_KEY_PATTERN = re.compile(r"(?<![A-Za-z0-9_-])rt_[A-Za-z0-9_-]{43}", re.I | re.ASCII)
_PACKED_KEY = re.compile(_KEY_PATTERN.pattern.encode(), re.I)
_PACKED_PREFIX = GATEWAY_KEY_PREFIX.encode()
_BASE64_WORD = re.compile(rb"[A-Za-z0-9+/]{24,}")
_HEX_WORD = re.compile(rb"[0-9a-f]{48,}")
_HEX_SIGN = re.compile(rb"\\x|(?<![0-9a-f])0x")
_ESCAPE_CHARACTERS = "%\\&="
_ESCAPE = re.compile(r"\\u([0-9A-Fa-f]{4})|=([0-9A-F]{2})|=\r?\n", re.ASCII)  # of JSON and of mails
_MAX_DECODINGS = 3  # of one text that is escaped several times
_MIN_SECRET_CHARS = 24  # 144 bits, which no other text contains by chance
# The bytes that are in no key and no base64: spaces, line breaks, and all of invisible characters.
_SEPARATORS = bytes(
    code for code in range(256) if not (bytes((code,)).isalnum() or code in b"+/-_")
)
_TO_BASE64 = bytes.maketrans(b"-_", b"+/")


def new_gateway_key() -> str:
    """Return a new key with 256 random bits."""
    return GATEWAY_KEY_PREFIX + secrets.token_urlsafe(32)


def contains_plain_key(text: str) -> bool:
    """Return whether the text contains a key as it is. This takes little time, unlike the search for packed keys."""
    return GATEWAY_KEY_PREFIX in text.lower() and _KEY_PATTERN.search(text) is not None


def contains_gateway_key(text: str, own_key: str = "") -> bool:
    """Return whether the text contains a key of this gateway in any spelling. `own_key` is the key of the caller."""
    if len(text) < _MIN_SECRET_CHARS:
        return False
    own = _own_spellings(own_key[len(GATEWAY_KEY_PREFIX) :][:_MIN_SECRET_CHARS])
    return any(_contains(plain, own) for plain in _iter_unescaped_texts(text))


@frozen_dataclass
class _Spellings:
    """What the first characters of a secret look like in a text without separators."""

    plain: tuple[bytes, ...]  # in lower case
    base64: tuple[bytes, ...]
    hexadecimal: tuple[bytes, ...]  # in lower case


@lru_cache(maxsize=64)
def _own_spellings(secret: str) -> _Spellings:
    if len(secret) < _MIN_SECRET_CHARS:
        return _Spellings((), (), ())
    data = secret.encode()
    cases = tuple(dict.fromkeys((data, data.lower(), data.upper())))
    once = [text for case in cases for text in _base64_at_each_offset(case)]
    twice = [text for inner in once[:3] for text in _base64_at_each_offset(inner)]
    hexadecimal = tuple(case.hex().encode() for case in cases)
    return _Spellings((data.lower(),), (*once, *twice), hexadecimal)


def _base64_at_each_offset(data: bytes) -> Iterator[bytes]:
    """Yield the base64 of the data after 0, 1 and 2 other bytes, without the characters that depend on other bytes."""
    for before in range(3):
        padded = bytes(before) + data
        yield b64encode(padded)[-(-before * 8 // 6) : len(padded) * 8 // 6]


def _start_markers() -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """Return what the prefix of every key looks like in base64, and in hexadecimal."""
    prefixes = [bytes(letters) for letters in product(b"rR", b"tT", b"_")]
    base64 = (text for prefix in prefixes for text in _base64_at_each_offset(prefix))
    return tuple(dict.fromkeys(base64)), tuple(prefix.hex().encode() for prefix in prefixes)


_BASE64_MARKERS, _HEX_MARKERS = _start_markers()


def _contains(text: str, own: _Spellings) -> bool:
    """Return whether the text contains a key as it is or packed."""
    if contains_plain_key(text):
        return True
    data = text.encode("utf-8", "surrogatepass")
    joined = data.translate(None, _SEPARATORS)
    if len(joined) < _MIN_SECRET_CHARS:
        return False
    lower, base64, digits = joined.lower(), joined.translate(_TO_BASE64), _hexadecimal_digits(data)
    return (
        _has_any(lower, own.plain)
        or _has_any(base64, own.base64)
        or _has_any(digits, own.hexadecimal)
        or (_has_any(base64, _BASE64_MARKERS) and _has_packed_key(_base64_data(base64)))
        or (_has_any(digits, _HEX_MARKERS) and _has_packed_key(_hex_data(digits)))
    )


def _has_any(text: bytes, words: tuple[bytes, ...]) -> bool:
    for word in words:  # noqa: SIM110 - faster than a generator
        if word in text:
            return True
    return False


def _has_packed_key(contents: Iterator[bytes]) -> bool:
    return any(map(_contains_packed_key, contents))


def _contains_packed_key(data: bytes) -> bool:
    """Return whether the data contains a key. Only the places with the prefix are compared: a search takes longer."""
    lower = data.lower()
    start = lower.find(_PACKED_PREFIX)
    while start >= 0:
        if _PACKED_KEY.match(data, start):
            return True
        start = lower.find(_PACKED_PREFIX, start + 1)
    return False


def _hexadecimal_digits(data: bytes) -> bytes:
    """Return the text without the signs of dumps: "0x72, 0x74", "\\x72\\x74", "72:74" and "72-74"."""
    lower = data.lower()
    if b"x" in lower:
        lower = _HEX_SIGN.sub(b"", lower)
    return lower.translate(None, _SEPARATORS + b"-")


def _iter_unescaped_texts(text: str) -> Iterator[str]:
    """Yield the text, and the text without percent-encoding and without the escapes of JSON, HTML and mails."""
    yield text
    for _ in range(_MAX_DECODINGS):
        if not any(character in text for character in _ESCAPE_CHARACTERS):
            return
        from html import unescape  # few texts have an escape

        plain = _ESCAPE.sub(_decode_escape, unescape(unquote(text)))
        if plain == text:
            return
        text = plain
        yield text


def _decode_escape(escape: re.Match[str]) -> str:
    code = escape[1] or escape[2]
    return chr(int(code, 16)) if code else ""


def _base64_data(text: bytes) -> Iterator[bytes]:
    """Yield what each word means. The base64 may begin inside the word, so it is read from four places."""
    for word in _BASE64_WORD.findall(text):
        for start in range(4):
            # A single character after the last group of four means nothing.
            part = word[start : len(word) - ((len(word) - start) % 4 == 1)]
            yield b64decode(part + b"=" * (-len(part) % 4))


def _hex_data(digits: bytes) -> Iterator[bytes]:
    """Yield what each number means. The key may begin at its second digit."""
    for word in _HEX_WORD.findall(digits):
        for start in range(2):
            yield bytes.fromhex(word[start : len(word) - (len(word) - start) % 2].decode())
