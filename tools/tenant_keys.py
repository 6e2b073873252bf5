"""Keys of workspaces and of the admin API, which `tools.keys` creates, revokes and lists in the table of tenants."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

from retouch.core.credentials.gateway_keys import new_gateway_key
from retouch.gateway.authentication import key_digest
from retouch.infrastructure.aws.clients import AwsClients
from retouch.infrastructure.aws.tenant_table import TenantDynamoTable
from retouch.tenants import rows
from retouch.tenants.keys import DEFAULT_WORKSPACE, Workspace
from retouch.tenants.new_keys import (
    find_key_rows,
    revoke_key,
    store_organisation_key,
    store_workspace_key,
)
from retouch.tenants.table import TenantTable
from tools.stack import CommandError, StackLocation


class StackClients(AwsClients):
    """The clients of a stack's account and region, for the tables of the gateway."""

    def __init__(self, stack: StackLocation) -> None:
        super().__init__()
        self._stack_client = cache(stack.client)

    def client(self, service: str, *_: Any, **__: Any) -> Any:
        """Return a client of the service. The commands have limits of their own."""
        return self._stack_client(service)


def open_tenant_table(name: str, stack: StackLocation) -> TenantTable:
    """Return the table of tenants. Raises CommandError for a stack without one."""
    if not name:
        raise CommandError(f"The stack '{stack.name}' has no table of tenants; deploy it again.")
    return TenantDynamoTable(name, StackClients(stack))


def create_admin_key(table: TenantTable, name: str, pepper: str) -> str:
    """Create a key with all scopes and return it."""
    key = new_gateway_key()
    store_organisation_key(table, name, key_digest(key, pepper), int(time.time()))
    return key


def create_workspace_key(table: TenantTable, name: str, slug: str, pepper: str) -> str:
    """Create a key that makes edits in a workspace, and return it. Raises CommandError."""
    workspace, key = _find_workspace(table, slug), new_gateway_key()
    if any(row.record["workspace"] == workspace.id for row in find_key_rows(table, name)):
        raise taken_name_error(name)
    store_workspace_key(table, workspace, name, key_digest(key, pepper), int(time.time()))
    return key


def taken_name_error(name: str) -> CommandError:
    """Return the error for a name that an active key of the workspace has."""
    return CommandError(f"There is already a key '{name}'. Revoke it first or choose another name.")


def revoke_by_name(table: TenantTable, name: str) -> bool:
    """Revoke the key with this name or id. Return False when there is none. Raises CommandError for several."""
    found = find_key_rows(table, name)
    if len(found) > 1:
        ids = ", ".join(row.name for row in found)
        raise CommandError(f"Several keys have the name '{name}'. Revoke one by its id: {ids}")
    for row in found:
        revoke_key(table, row, int(time.time()))
    return bool(found)


def list_tenant_keys(table: TenantTable) -> Sequence[dict[str, str]]:
    """Return every key as `tools.keys` lists it."""
    return [
        {
            "name": row.record["name"],
            "created": _iso_time(row.record.get("created_at", 0)),
            "id": row.name,
            "workspace": row.record["workspace"],
        }
        for row in table.list(rows.KEYS)
    ]


def _find_workspace(table: TenantTable, slug: str) -> Workspace:
    row = table.read(rows.SLUGS, slug)
    identifier = row.record["id"] if row else slug
    workspace = rows.read_workspace(table, identifier)
    if slug == DEFAULT_WORKSPACE.slug:
        workspace = rows.read_workspace(table, DEFAULT_WORKSPACE.id)
    if workspace is None:
        raise CommandError(
            f"There is no workspace '{slug}'. POST /v1/admin/workspaces creates one."
        )
    return workspace


def _iso_time(unix_time: int) -> str:
    return datetime.fromtimestamp(unix_time, UTC).isoformat(timespec="seconds")
