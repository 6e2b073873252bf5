"""The deletion of a workspace: DELETE /v1/admin/workspaces/{id}."""

from __future__ import annotations

from collections.abc import Iterator

from retouch.api.admin.request import AdminRequest, AdminResponse, AdminServices
from retouch.api.admin.workspace_fields import workspace_fields
from retouch.api.admin.workspaces import find_workspace
from retouch.api.admin.writes import Conflict, audit_entry, write_rows
from retouch.gateway.budgets.budget_holds import row_name_of
from retouch.tenants import rows
from retouch.tenants.budgets import Budget, budgets_of_key, budgets_of_virtual_key
from retouch.tenants.keys import DEFAULT_WORKSPACE_ID, VirtualKeyRecord, Workspace
from retouch.tenants.records import from_record
from retouch.tenants.table import RowWrite, TenantRow


def delete_workspace(request: AdminRequest, services: AdminServices) -> AdminResponse:
    """Delete a workspace, and its keys first. What it has stored is kept until it expires."""
    request.require_scope("workspaces.delete")
    workspace = find_workspace(request.path_values["id"], request, services)
    if workspace.id == DEFAULT_WORKSPACE_ID:
        raise Conflict("The default workspace cannot be deleted. Revoke its keys instead.")
    table = services.tenants.table
    if _has_holds(workspace, services):
        raise Conflict(
            f"The workspace '{workspace.slug}' has edits in flight. Revoke its keys, and delete it "
            "when they have ended.",
            code="workspace_in_use",
        )
    for row in _key_rows(workspace, services):
        _delete_key(row, workspace, request, services)
    for row in table.list(rows.virtual_keys_partition(workspace.id)):
        write_rows(request, services, [RowWrite(row, row, is_deletion=True)], [])
        services.tenants.secrets.delete(workspace.id, row.name)
    removed = [table.read(rows.WORKSPACES, workspace.id), table.read(rows.SLUGS, workspace.slug)]
    writes = [RowWrite(row, row, is_deletion=True) for row in removed if row]
    entry = audit_entry(
        request,
        "workspace.delete",
        (workspace.id, workspace.id),
        workspace_fields(workspace, services.clock.unix_time()),
        None,
    )
    write_rows(request, services, writes, [entry])
    return 200, {"success": True, "id": workspace.id, "object": "workspace", "deleted": True}


def _has_holds(workspace: Workspace, services: AdminServices) -> bool:
    """Return whether a budget of the workspace, of one of its keys or of its virtual keys holds money."""
    if services.open_budgets is None:
        return False
    table = services.open_budgets()
    budgets = _budgets(workspace, services)
    rows = (table.read(row_name_of(budget)) for budget in budgets)
    return any(row.holds or row.waiting for row in rows)


def _budgets(workspace: Workspace, services: AdminServices) -> Iterator[Budget]:
    now, table = services.clock.unix_time(), services.tenants.table
    for row in _key_rows(workspace, services):
        yield from budgets_of_key(rows.key_of_row(row, workspace), now)
    for row in table.list(rows.virtual_keys_partition(workspace.id)):
        yield from budgets_of_virtual_key(from_record(VirtualKeyRecord, row.record), now)


def _key_rows(workspace: Workspace, services: AdminServices) -> list[TenantRow]:
    keys = services.tenants.table.list(rows.KEYS)
    return [row for row in keys if row.record["workspace"] == workspace.id]


def _delete_key(
    row: TenantRow, workspace: Workspace, request: AdminRequest, services: AdminServices
) -> None:
    digests = [
        services.tenants.table.read(rows.digest_partition(digest), rows.ONLY)
        for digest in row.record.get("digests", ())
    ]
    entry = audit_entry(request, "api_key.delete", (workspace.id, row.name), None, None)
    writes = [RowWrite(one, one, is_deletion=True) for one in (row, *digests) if one]
    write_rows(request, services, writes, [entry])
