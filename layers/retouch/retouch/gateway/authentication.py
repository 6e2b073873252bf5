"""Authentication with gateway keys. The gateway is closed by default: edits need a valid key.

Keys are 256-bit random values. The table stores only HMAC-SHA-256(pepper, key), so a stolen table gives no access.
The lookup uses the digest, so its duration does not depend on the number of correct characters in a guessed key.
Unknown, revoked and malformed keys follow the same code path and get the same response. A caller is authenticated
before anything else of its request is read, so that a caller without a key learns nothing from the gateway's errors.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

from retouch.core.credentials.upload_ids import is_owner_of_upload
from retouch.core.errors import GatewayMisconfigured, Unauthorized
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.settings import Settings
from retouch.tenants.keys import GatewayKey
from retouch.tenants.scopes import require_scope

_FOLDER_DIGITS = 32  # hexadecimal digits, 128 bits
_DIGEST_DIGITS = 64
KeyLookup = Callable[[str], GatewayKey | None]  # digest -> key; None: unknown, expired or revoked


@frozen_dataclass
class Principal:
    """The authenticated caller. Without a gateway key, at an open gateway or with IAM, the key is None."""

    key: GatewayKey | None = None
    is_operator: bool = False  # IAM has authorized the caller, who may use the uploads of every key

    @property
    def log_fields(self) -> dict[str, str]:
        """The fields of every log line of the caller's requests. A later key may have the name of the key again."""
        if self.key is None:
            return {"key": ""}
        return {"key": self.key.name, "key_id": self.key.id, "workspace": self.key.workspace.id}

    @property
    def owner(self) -> str:
        """The owner of what the caller stores, which no other tenant ever is. Empty without a key."""
        return self.key.owner if self.key else ""

    @property
    def folder(self) -> str:
        """The name of the folders with the objects of the owner. Empty without a key."""
        is_digest = is_key_digest(self.owner)
        digits = self.owner if is_digest else hashlib.sha256(self.owner.encode()).hexdigest()
        return digits[:_FOLDER_DIGITS] if self.owner else ""

    def require_scope(self, scope: str) -> None:
        """Raise InsufficientScope when the caller's key lacks the scope. Empty: nothing is needed."""
        if scope and self.key:
            require_scope(self.key.scopes, scope)

    def is_own_upload(self, upload_id: str) -> bool:
        """Return whether the caller may use the upload."""
        return self.is_operator or is_owner_of_upload(self.owner, upload_id)


def is_key_digest(text: str) -> bool:
    """Return whether a text has the length of a key's digest, which no name has."""
    return len(text) == _DIGEST_DIGITS


def key_digest(key: str, pepper: str) -> str:
    """Return the digest of a key that the table stores, as hexadecimal text."""
    return hmac.new(pepper.encode(), key.encode(), hashlib.sha256).hexdigest()


def authenticate_key(gateway_key: str | None, settings: Settings, find_key: KeyLookup) -> Principal:
    """Return the principal of a gateway key. `settings` include the secrets.

    Raises Unauthorized when the key is missing or invalid, and GatewayMisconfigured when there is no pepper. The mode
    "open" needs no key. Every other mode needs one.
    """
    if settings.auth_mode == "open":
        return Principal()
    return require_key(gateway_key, settings, find_key)


def require_key(gateway_key: str | None, settings: Settings, find_key: KeyLookup) -> Principal:
    """Return the principal of a gateway key, also at an open gateway. Raises as `authenticate_key`."""
    pepper, is_open = settings.environment.get("RETOUCH_PEPPER", ""), settings.auth_mode == "open"
    if not gateway_key or (is_open and not pepper):  # a gateway without a pepper has no keys
        raise _missing_key_error() if is_open else _invalid_key_error()
    if not pepper:
        raise GatewayMisconfigured(
            "The gateway has no pepper for its keys. Its operator sets RETOUCH_ADMIN_KEY for `make run`, or "
            "RETOUCH_PEPPER in the secret of the stack.",
            code="gateway_not_configured",
        )
    key = find_key(key_digest(gateway_key, pepper))
    if key is None:
        raise _invalid_key_error()
    return Principal(key)


def _missing_key_error() -> Unauthorized:
    """Return the error of a route that needs a key at a gateway whose edits need none."""
    return Unauthorized(
        "Edits need no key at this gateway, but this route does: send 'Authorization: Bearer rt_...'. The operator "
        "creates the first key with `make key ADMIN=1 NAME=me`, or sets RETOUCH_ADMIN_KEY for `make run`."
    )


def _invalid_key_error() -> Unauthorized:
    return Unauthorized(
        "This gateway needs one of its own keys, and the request has none that is valid: send "
        "'Authorization: Bearer rt_...', or 'x-portkey-api-key: rt_...' in addition to your own provider key."
    )
