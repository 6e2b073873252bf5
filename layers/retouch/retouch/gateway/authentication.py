"""Authentication with gateway keys. The gateway is closed by default: edits need a valid key.

Keys are 256-bit random values. The table stores only HMAC-SHA-256(pepper, key), so a stolen table gives no access.
The lookup uses the digest, so its duration does not depend on the number of correct characters in a guessed key.
Unknown, revoked and malformed keys follow the same code path and get the same response.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass

from retouch.core.client_credentials import ClientCredentials
from retouch.core.errors import GatewayMisconfigured, Unauthorized

KeyLookup = Callable[[str], str | None]  # digest -> the key's name, or None if unknown or revoked


@dataclass(frozen=True, slots=True)
class Principal:
    """The authenticated principal: the name that the operator gave its key. Empty when the gateway is open."""

    name: str = ""


def key_digest(key: str, pepper: str) -> str:
    """Return the digest of a key that the table stores, as hexadecimal text."""
    return hmac.new(pepper.encode(), key.encode(), hashlib.sha256).hexdigest()


def authenticate_key(
    credentials: ClientCredentials, auth_mode: str, pepper: str, find_key_name: KeyLookup
) -> Principal:
    """Return the principal of the credentials.

    Raises Unauthorized when the key is missing or invalid, and GatewayMisconfigured when there is no pepper.
    `auth_mode` "open" needs no key. Every other value needs one.
    """
    if auth_mode == "open":
        return Principal()
    if not credentials.gateway_key:
        raise _invalid_key_error()
    if not pepper:
        raise GatewayMisconfigured(
            "The gateway has no pepper for its keys.", code="gateway_not_configured"
        )
    name = find_key_name(key_digest(credentials.gateway_key, pepper))
    if name is None:
        raise _invalid_key_error()
    return Principal(name)


def _invalid_key_error() -> Unauthorized:
    return Unauthorized(
        "This gateway needs one of its own keys: send 'Authorization: Bearer rt_...', or 'x-portkey-api-key: rt_...' "
        "in addition to your own provider key."
    )
