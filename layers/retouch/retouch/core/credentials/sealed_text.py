"""Secrets that a table stores encrypted: AES-256-GCM with a key that is derived from the pepper.

Someone who can read the table, but not the pepper, can read no secret. The context is authenticated too, so a sealed
text that is copied to another row cannot be opened there.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode

_NONCE_BYTES = 12
_PURPOSE = b"retouch sealed text 1"


def seal_text(text: str, context: str, pepper: str) -> str:
    """Return the text as it may be stored. `context` says whose it is, and `open_text` needs it again."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = secrets.token_bytes(_NONCE_BYTES)
    sealed = AESGCM(_key(pepper)).encrypt(nonce, text.encode(), context.encode())
    return b64encode(nonce + sealed).decode()


def open_text(sealed: str, context: str, pepper: str) -> str:
    """Return the text that was sealed. Raises ValueError for another context, another pepper or a changed text."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        data = b64decode(sealed, validate=True)
        nonce, text = data[:_NONCE_BYTES], data[_NONCE_BYTES:]
        return AESGCM(_key(pepper)).decrypt(nonce, text, context.encode()).decode()
    except (binascii.Error, InvalidTag, ValueError):
        raise ValueError("the sealed text cannot be opened with this pepper") from None


def _key(pepper: str) -> bytes:
    """Return a key for this purpose only. The pepper is random, so one HMAC is enough."""
    return hmac.new(pepper.encode(), _PURPOSE, hashlib.sha256).digest()
