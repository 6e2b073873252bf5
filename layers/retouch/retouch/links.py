"""Links to results that work until the date we print, whatever becomes of the credentials that could sign them.

S3's own presigned links die with the session of the role that signed them. Ours carry a date and a signature of
the gateway's, and lead to a presigned link that is made when they are followed.

    <base>/v1/files/<token>.<format>     token: base64url("<expires>:<key>") "." signature
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256

from retouch.errors import Gone, NotFound

Link = Callable[[str], str]  # an object's key -> the link that is handed out
Sign = Callable[[str, int], str]  # key, seconds -> the bucket's own presigned link
_SIGNATURE = 24  # bytes; 192 bits of HMAC-SHA256
_FRESH = 300  # seconds that a presigned link lives once ours was followed


def links(base: str, pepper: str, expires: int, now: int, sign: Sign) -> Link:
    """Ours where the gateway's own address and a secret are known, else the bucket's presigned ones."""
    if base and pepper:
        return lambda key: ours(base, key, expires, pepper)
    return lambda key: sign(key, expires - now)


def ours(base: str, key: str, expires: int, pepper: str) -> str:
    """A link of the gateway's own to an object, until a Unix time."""
    return f"{base}/v1/files/{token(key, expires, pepper)}"


def token(key: str, expires: int, pepper: str) -> str:
    """The link's last segment: the object's key and the Unix time of its end, signed."""
    payload = urlsafe_b64encode(f"{expires}:{key}".encode()).rstrip(b"=").decode()
    return f"{payload}.{_signature(payload, pepper)}.{key.rpartition('.')[2]}"


def follow(token: str, pepper: str, now: int, sign: Sign) -> str:
    """Where a link leads today. NotFound for one we never made, Gone after its date."""
    payload, _, rest = token.partition(".")
    signature = rest.partition(".")[0]
    readable = bool(pepper) and token.isascii()  # compare_digest takes no other text
    if not (readable and hmac.compare_digest(signature, _signature(payload, pepper))):
        raise NotFound("There is no such file: the link is incomplete or was not made here.")
    expires, _, key = urlsafe_b64decode(payload + "=" * (-len(payload) % 4)).decode().partition(":")
    left = int(expires) - now
    if left <= 0:
        raise Gone("The link has expired. Ask for the edit's result before its date.")
    return sign(key, min(left, _FRESH))


def _signature(payload: str, pepper: str) -> str:
    # Under a name of its own: the same pepper makes the digests of callers' keys.
    secret = hmac.digest(pepper.encode(), b"links", sha256)
    digest = hmac.digest(secret, payload.encode(), sha256)[:_SIGNATURE]
    return urlsafe_b64encode(digest).decode()
