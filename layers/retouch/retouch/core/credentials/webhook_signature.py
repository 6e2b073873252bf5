"""Standard Webhooks 1.0.0 signatures, https://www.standardwebhooks.com, made by the package `standardwebhooks`.

The receiver can verify that a request comes from this gateway.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Sequence
from datetime import UTC, datetime

SECRET_PREFIX = "whsec_"  # noqa: S105 - the public prefix of every secret
_MIN_KEY_BYTES, _MAX_KEY_BYTES = 24, 64


def signing_key(secret: str) -> bytes:
    """Return the key of a secret: `whsec_` and 24 to 64 bytes in base64. Raises ValueError for any other text."""
    try:
        key = b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not _MIN_KEY_BYTES <= len(key) <= _MAX_KEY_BYTES:
        raise ValueError("must be whsec_ and 24 to 64 random bytes in base64")
    return key


def signing_secret(key: bytes) -> str:
    """Return the secret of a key, as its receiver needs it."""
    return SECRET_PREFIX + b64encode(key).decode()


def signature_headers(
    keys: Sequence[bytes], message_id: str, timestamp: int, body: bytes
) -> dict[str, str]:
    """Return the three signature headers, with one signature for each key. Without a key, there is no signature.

    `message_id` contains no dots. `timestamp` is in seconds since 1970. `body` is UTF-8.
    """
    headers = {"webhook-id": message_id, "webhook-timestamp": str(timestamp)}
    if keys:
        from standardwebhooks.webhooks import Webhook

        # The package replaces the zone of the time with UTC, so any other zone would shift it.
        time, text = datetime.fromtimestamp(timestamp, UTC), body.decode()
        signatures = [Webhook(key).sign(message_id, time, text) for key in keys]
        headers["webhook-signature"] = " ".join(signatures)
    return headers
