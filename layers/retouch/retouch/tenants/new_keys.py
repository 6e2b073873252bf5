"""Keys that an operator makes and revokes without the admin API. The first key must be made here."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from retouch.tenants import rows
from retouch.tenants.audit import AuditEntry, audit_row
from retouch.tenants.keys import DEFAULT_WORKSPACE, GatewayKey, Workspace
from retouch.tenants.scopes import ALL_SCOPES, EDIT_SCOPES
from retouch.tenants.table import RowWrite, TenantRow, TenantTable

_ACTOR = "operator"  # in audit rows


def store_organisation_key(table: TenantTable, name: str, digest: str, now: int) -> None:
    """Store a key with all scopes under its digest. Nothing happens if the digest is stored already."""
    if table.read(rows.digest_partition(digest), rows.ONLY):
        return
    key = GatewayKey(
        id=_new_id(),
        name=name,
        workspace=DEFAULT_WORKSPACE,
        type="organisation",
        digests=(digest,),
        scopes=ALL_SCOPES,
        created_at=now,
        last_updated_at=now,
    )
    _store(table, key, now)


def store_workspace_key(
    table: TenantTable, workspace: Workspace, name: str, digest: str, now: int
) -> None:
    """Store a key that makes edits in a workspace."""
    key = GatewayKey(
        id=_new_id(),
        name=name,
        workspace=workspace,
        digests=(digest,),
        scopes=EDIT_SCOPES,
        created_at=now,
        last_updated_at=now,
    )
    _store(table, key, now)


def find_key_rows(table: TenantTable, name: str) -> Sequence[TenantRow]:
    """Return the rows of the keys with this name or this id."""
    return [row for row in table.list(rows.KEYS) if name in (row.name, row.record["name"])]


def revoke_key(table: TenantTable, row: TenantRow, now: int) -> None:
    """Delete a key, so that every function refuses it within a minute."""
    partitions = [rows.digest_partition(digest) for digest in row.record.get("digests", ())]
    links = [table.read(partition, rows.ONLY) for partition in partitions]
    entry = AuditEntry(
        _ACTOR, "api_key.delete", row.name, row.record["workspace"], row.name, None, None
    )
    deletions = [RowWrite(each, each, is_deletion=True) for each in (row, *links) if each]
    table.write([*deletions, RowWrite(audit_row(entry, now))])


def _new_id() -> str:
    return f"k_{secrets.token_hex(12)}"


def _store(table: TenantTable, key: GatewayKey, now: int) -> None:
    after = {"id": key.id, "name": key.name, "type": f"{key.type}-{key.subtype}"}
    entry = AuditEntry(_ACTOR, "api_key.create", key.id, key.workspace.id, key.id, None, after)
    written = (rows.key_row(key), rows.digest_row(key.digests[0], key.id), audit_row(entry, now))
    table.write([RowWrite(row) for row in written])
