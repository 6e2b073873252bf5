"""The rows of tenants: in which partition and under which name each record lies."""

from __future__ import annotations

from retouch.tenants.keys import (
    DEFAULT_WORKSPACE,
    DEFAULT_WORKSPACE_ID,
    GatewayKey,
    VirtualKeyRecord,
    Workspace,
)
from retouch.tenants.limits import AT_COST, WorkspacePrice
from retouch.tenants.records import from_record, to_record
from retouch.tenants.table import TenantRow, TenantTable

KEYS, WORKSPACES, SLUGS = "KEYS", "WORKSPACES", "SLUGS"
ONLY = "-"  # the name of the only row of a partition


def digest_partition(digest: str) -> str:
    """Return the partition of the row that leads from a digest to its key."""
    return f"DIGEST#{digest}"


def virtual_keys_partition(workspace_id: str) -> str:
    """Return the partition of a workspace's virtual keys."""
    return f"VIRTUAL_KEYS#{workspace_id}"


def configs_partition(workspace_id: str) -> str:
    """Return the partition of a workspace's saved configs."""
    return f"CONFIGS#{workspace_id}"


def config_versions_partition(workspace_id: str, slug: str) -> str:
    """Return the partition of the versions of one config."""
    return f"CONFIG_VERSIONS#{workspace_id}#{slug}"


def digest_row(digest: str, key_id: str, expires_at: int | None = None) -> TenantRow:
    """Return the row that leads from a digest to its key, which it opens until it expires."""
    record = {"key": key_id, **({"expires_at": expires_at} if expires_at else {})}
    return TenantRow(digest_partition(digest), ONLY, record, expires=expires_at)


def key_row(key: GatewayKey) -> TenantRow:
    """Return the row of a key. Its workspace has a row of its own."""
    record = {**to_record(key), "workspace": key.workspace.id}
    return TenantRow(KEYS, key.id, record)


def workspace_row(workspace: Workspace) -> TenantRow:
    """Return the row of a workspace."""
    return TenantRow(WORKSPACES, workspace.id, to_record(workspace))


def virtual_key_row(virtual_key: VirtualKeyRecord) -> TenantRow:
    """Return the row of a virtual key."""
    partition = virtual_keys_partition(virtual_key.workspace_id)
    return TenantRow(partition, virtual_key.slug, to_record(virtual_key))


def read_workspace(table: TenantTable, workspace_id: str) -> Workspace | None:
    """Return a workspace. The default one exists without a row."""
    row = table.read(WORKSPACES, workspace_id)
    if row is None:
        return DEFAULT_WORKSPACE if workspace_id == DEFAULT_WORKSPACE_ID else None
    return from_record(Workspace, row.record)


def find_price_of_owner(table: TenantTable, owner: str) -> WorkspacePrice:
    """Return the price of a workspace by the owner of its orders: its id, or a key of the default workspace."""
    workspace = read_workspace(table, owner) or read_workspace(table, DEFAULT_WORKSPACE_ID)
    return workspace.price if workspace else AT_COST


def key_of_row(row: TenantRow, workspace: Workspace) -> GatewayKey:
    """Return the key of a row."""
    return from_record(GatewayKey, {**row.record, "workspace": to_record(workspace)})


def find_key_by_digest(table: TenantTable, digest: str, now: int) -> GatewayKey | None:
    """Return the key that a digest opens. None: it is unknown, deleted, or expired."""
    link = table.read(digest_partition(digest), ONLY)
    if link is None or now >= link.record.get("expires_at", now + 1):
        return None
    return find_key_by_id(table, link.record["key"])


def find_key_by_id(table: TenantTable, key_id: str) -> GatewayKey | None:
    """Return the key with an id. None: it is unknown or deleted."""
    row = table.read(KEYS, key_id)
    workspace = read_workspace(table, row.record["workspace"]) if row else None
    return key_of_row(row, workspace) if row and workspace else None


def find_virtual_key(table: TenantTable, workspace_id: str, slug: str) -> VirtualKeyRecord | None:
    """Return a virtual key of a workspace, or None."""
    row = table.read(virtual_keys_partition(workspace_id), slug)
    return from_record(VirtualKeyRecord, row.record) if row else None
