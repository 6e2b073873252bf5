"""Reads the gateway key of a job or a batch again, because the key may have changed since the job was made."""

from __future__ import annotations

from retouch.core.errors import Unauthorized
from retouch.gateway.authentication import is_key_digest
from retouch.gateway.services import Services
from retouch.tenants.keys import GatewayKey


def require_current_key(key: GatewayKey, services: Services) -> GatewayKey:
    """Return the key with the limits that it has now.

    Raises Unauthorized when it was revoked or has expired, and TenantsUnavailable. A gateway that has neither a table
    of tenants nor the digest of the key cannot look it up.
    """
    tenants, has_digest = services.tenants, is_key_digest(key.own_name)
    current = tenants.find_key_by_id(key.id) if tenants else None
    if current is None and has_digest:
        current = services.find_key(key.own_name)
    if current is None and tenants is None and not has_digest:
        return key
    if current is None or current.owner != key.owner:
        raise Unauthorized(
            "The gateway key of this edit was revoked or has expired before the edit was begun, so nothing was bought."
        )
    return current
