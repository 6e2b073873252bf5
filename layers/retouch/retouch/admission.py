"""Who may come in. Closed by default: without a gateway key nothing is answered but health.

Keys are 256-bit random; only HMAC-SHA-256(pepper, key) is kept, so a stolen table opens nothing. Looking up by
digest makes the time of the answer independent of how much of a guessed key is right, and every key that
does not open the door, whether unknown, revoked or malformed, takes the same way to the same answer.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass

from retouch.errors import Misconfigured, Unauthorized
from retouch.wire.caller import Caller

KeyBook = Callable[[str], str | None]  # digest -> the key's name, None when unknown or revoked


@dataclass(frozen=True, slots=True)
class Guest:
    """Who was let in, by the name the operator gave the key; empty where the gateway is open."""

    name: str = ""


def digest(key: str, pepper: str) -> str:
    """What is stored of a key, as hex."""
    return hmac.new(pepper.encode(), key.encode(), hashlib.sha256).hexdigest()


def admit(caller: Caller, mode: str, pepper: str, find: KeyBook) -> Guest:
    """Let the caller in or raise Unauthorized. `mode` is "open" or "keys"; anything else is closed."""
    if mode == "open":
        return Guest()
    if not caller.gateway_key:
        raise _refused()
    if not pepper:
        raise Misconfigured(
            "The gateway has no pepper for its keys.", code="gateway_not_configured"
        )
    name = find(digest(caller.gateway_key, pepper))
    if name is None:
        raise _refused()
    return Guest(name)


def _refused() -> Unauthorized:
    return Unauthorized(
        "This gateway needs one of its own keys: send 'Authorization: Bearer rt_...', or 'x-portkey-api-key: rt_...' "
        "beside your own provider key."
    )
