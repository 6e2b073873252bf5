"""Standard Webhooks 1.0.0 signatures, https://www.standardwebhooks.com.

The receiver can verify that a request comes from this gateway.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
from base64 import b64decode, b64encode

_SECRET_PREFIX = "whsec_"  # noqa: S105 - the public prefix of every secret
_MIN_KEY_BYTES, _MAX_KEY_BYTES = 24, 64


def signing_key(secret: str) -> bytes:
    """Return the key of a secret: `whsec_` and 24 to 64 bytes in base64. Raises ValueError for any other text."""
    try:
        key = b64decode(secret.removeprefix(_SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not _MIN_KEY_BYTES <= len(key) <= _MAX_KEY_BYTES:
        raise ValueError("must be whsec_ and 24 to 64 random bytes in base64")
    return key


def signature_headers(key: bytes, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the three signature headers. Without a key, `webhook-signature` is left out.

    `message_id` contains no dots. `timestamp` is in seconds since 1970.
    """
    headers = {"webhook-id": message_id, "webhook-timestamp": str(timestamp)}
    if key:
        content = f"{message_id}.{timestamp}.".encode() + body
        digest = hmac.new(key, content, hashlib.sha256).digest()
        headers["webhook-signature"] = f"v1,{b64encode(digest).decode()}"
    return headers
