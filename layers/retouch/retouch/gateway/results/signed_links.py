"""Signed URLs of results that stay valid until their expiry date.

A presigned S3 URL stops working when the session of the role that signed it ends. A URL of the gateway carries an
expiry date and the gateway's own signature. When a client follows it, the gateway redirects to a new presigned URL.

    <base>/v1/files/<token>.<format>     token: base64url("<expires>:<key>") "." signature
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256
from urllib.parse import urlsplit

from retouch.core.errors import Gone, NotFound

LinkBuilder = Callable[[str], str]  # an object's key -> its result URL
PresignUrl = Callable[[str, int], str]  # (key, seconds) -> a presigned S3 URL
_STORED_RESULT = re.compile(r"(?:results|kept/\d+)/[^/]+$")
_SIGNATURE_BYTES = 24  # bytes; 192 bits of HMAC-SHA256
_PRESIGNED_SECONDS = 300  # how long the presigned URL of a redirect is valid


def link_builder(
    base_url: str, pepper: str, expires_at: int, now: int, presign: PresignUrl
) -> LinkBuilder:
    """Return the function that builds result URLs.

    It builds signed URLs of the gateway when the gateway's base URL and its pepper are known. Without them it builds
    presigned S3 URLs.
    """
    if base_url and pepper:
        return lambda key: signed_url(base_url, key, expires_at, pepper)
    return lambda key: presign(key, expires_at - now)


def signed_url(base_url: str, key: str, expires_at: int, pepper: str) -> str:
    """Return a signed URL of the gateway for an object. It expires at a Unix time."""
    return f"{base_url}/v1/files/{signed_token(key, expires_at, pepper)}"


def signed_token(key: str, expires_at: int, pepper: str) -> str:
    """Return the last segment of a signed URL: the object's key and the expiry time (Unix seconds), signed."""
    payload = urlsafe_b64encode(f"{expires_at}:{key}".encode()).rstrip(b"=").decode()
    return f"{payload}.{_signature(payload, pepper)}.{key.rpartition('.')[2]}"


def renew_token(token: str, expires_at: int, pepper: str) -> str:
    """Return a token for the same object with another expiry time. A token that is not the gateway's own stays."""
    payload, _, rest = token.partition(".")
    if not hmac.compare_digest(rest.partition(".")[0], _signature(payload, pepper)):
        return token
    return signed_token(_read_payload(payload)[1], expires_at, pepper)


def resolve_token(token: str, pepper: str, now: int, presign: PresignUrl) -> str:
    """Return the presigned URL for a token. Raises NotFound for an invalid token and Gone for an expired one."""
    payload, _, rest = token.partition(".")
    signature = rest.partition(".")[0]
    is_verifiable = bool(pepper) and token.isascii()  # compare_digest accepts only ASCII strings
    if not (is_verifiable and hmac.compare_digest(signature, _signature(payload, pepper))):
        raise NotFound(
            "There is no such file: the link is incomplete or is not from this gateway. Copy the whole link."
        )
    expires_at, key = _read_payload(payload)
    remaining = expires_at - now
    if remaining <= 0:
        raise Gone("The link has expired. Download a result before its link expires.")
    return presign(key, min(remaining, _PRESIGNED_SECONDS))


def find_object_key(url: str) -> str:
    """Return the key of the object behind a link that the gateway itself has made, or "" for any other link."""
    path = urlsplit(url).path
    token = path.rpartition("/v1/files/")[2]
    if token != path:
        return _read_payload(token.partition(".")[0])[1]
    stored = _STORED_RESULT.search(path)  # a presigned URL of the bucket
    return stored[0] if stored else ""


def _read_payload(payload: str) -> tuple[int, str]:
    """Return the expiry time and the object's key in a payload whose signature is valid."""
    text = urlsafe_b64decode(payload + "=" * (-len(payload) % 4)).decode()
    expires_at, _, key = text.partition(":")
    return int(expires_at), key


def _signature(payload: str, pepper: str) -> str:
    # A derived secret separates these signatures from the digests of gateway keys, which use the same pepper.
    secret = hmac.digest(pepper.encode(), b"links", sha256)
    digest = hmac.digest(secret, payload.encode(), sha256)[:_SIGNATURE_BYTES]
    return urlsafe_b64encode(digest).decode()
