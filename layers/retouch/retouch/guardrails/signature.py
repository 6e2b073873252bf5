"""Standard Webhooks 1.0.0: who receives a letter can tell that it is ours. https://www.standardwebhooks.com"""

from __future__ import annotations

import binascii
import hashlib
import hmac
from base64 import b64decode, b64encode

_PREFIX = "whsec_"
_LEAST, _MOST = 24, 64  # bytes of a key


def signing_key(secret: str) -> bytes:
    """The key a secret stands for: `whsec_` and 24 to 64 bytes in base64. ValueError otherwise."""
    try:
        key = b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not _LEAST <= len(key) <= _MOST:
        raise ValueError("must be whsec_ and 24 to 64 random bytes in base64")
    return key


def signed(key: bytes, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers; without a key there is no signature, and `webhook-signature` is left out.

    `message_id` has no dots; `timestamp` is in seconds since 1970.
    """
    headers = {"webhook-id": message_id, "webhook-timestamp": str(timestamp)}
    if key:
        content = f"{message_id}.{timestamp}.".encode() + body
        digest = hmac.new(key, content, hashlib.sha256).digest()
        headers["webhook-signature"] = f"v1,{b64encode(digest).decode()}"
    return headers
