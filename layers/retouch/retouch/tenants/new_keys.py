"""New keys that an operator makes without the admin API, which needs a key already."""

from __future__ import annotations

import secrets

from retouch.tenants import rows
from retouch.tenants.audit import AuditEntry, audit_row
from retouch.tenants.keys import DEFAULT_WORKSPACE, GatewayKey
from retouch.tenants.scopes import ALL_SCOPES
from retouch.tenants.table import Change, TenantTable

_ACTOR = "operator"  # in audit rows


def store_organisation_key(table: TenantTable, name: str, digest: str, now: int) -> None:
    """Store a key with all scopes under its digest. Nothing happens if the digest is stored already."""
    if table.read(rows.digest_partition(digest), rows.ONLY):
        return
    key = GatewayKey(
        id=f"k_{secrets.token_hex(12)}",
        name=name,
        workspace=DEFAULT_WORKSPACE,
        type="organisation",
        digests=(digest,),
        scopes=ALL_SCOPES,
        created_at=now,
        last_updated_at=now,
    )
    after = {"id": key.id, "name": name, "type": "organisation-service"}
    entry = AuditEntry(_ACTOR, "api_key.create", key.id, key.workspace.id, key.id, None, after)
    changes = (rows.key_row(key), rows.digest_row(digest, key.id), audit_row(entry, now))
    table.write([Change(row) for row in changes])
