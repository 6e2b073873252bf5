"""Workspaces: POST, GET, PUT and DELETE /v1/admin/workspaces."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from retouch.api.admin.fields import FieldReader
from retouch.api.admin.limit_fields import reset_usage
from retouch.api.admin.request import (
    AdminRequest,
    AdminResponse,
    AdminServices,
    list_document,
    not_found,
    resource_document,
)
from retouch.api.admin.workspace_fields import (
    read_workspace_changes,
    read_workspace_slug,
    visible_fields,
    workspace_fields,
)
from retouch.api.admin.writes import (
    Conflict,
    audit_entry,
    changed_meanwhile_error,
    find_created,
    write_rows,
)
from retouch.tenants import rows
from retouch.tenants.keys import DEFAULT_WORKSPACE, DEFAULT_WORKSPACE_ID, Workspace
from retouch.tenants.limits import UsageLimit
from retouch.tenants.records import from_record
from retouch.tenants.table import RowWrite, TenantRow


def create_workspace(request: AdminRequest, services: AdminServices) -> AdminResponse:
    """Create a workspace."""
    request.require_scope("workspaces.create")
    if created := find_created(request, services):
        return 200, _document(
            find_workspace(created, request, services), services.clock.unix_time()
        )
    fields = FieldReader(request.body())
    name, now = fields.required_text("name", 128), services.clock.unix_time()
    slug = read_workspace_slug(fields, name)
    workspace = Workspace(id=f"w_{secrets.token_hex(8)}", slug=slug, name=name, created_at=now)
    workspace = replace(workspace, **read_workspace_changes(fields, workspace), last_updated_at=now)
    fields.reject_unknown("users")
    if services.tenants.table.read(rows.SLUGS, slug) or slug == DEFAULT_WORKSPACE.slug:
        raise Conflict(f"There is already a workspace '{slug}'. Choose another slug.", param="slug")
    entry = audit_entry(
        request,
        "workspace.create",
        (workspace.id, workspace.id),
        None,
        workspace_fields(workspace, now),
    )
    writes = [RowWrite(rows.workspace_row(workspace)), RowWrite(_slug_row(workspace))]
    write_rows(request, services, writes, [entry], workspace.id)
    return 200, _document(workspace, now)


def list_workspaces(request: AdminRequest, services: AdminServices) -> AdminResponse:
    """List the workspaces that the key may see."""
    request.require_scope("workspaces.list", "workspaces.read")
    names = (request.query.get("name", ""), request.query.get("exact_name", ""))
    found = [
        visible_fields(workspace_fields(workspace, services.clock.unix_time()), request)
        for workspace in all_workspaces(services)
        if request.can_see(workspace.id)
        and names[0].lower() in workspace.name.lower()
        and names[1] in ("", workspace.name)
    ]
    return 200, list_document(found, request.query)


def get_workspace(request: AdminRequest, services: AdminServices) -> AdminResponse:
    """Return a workspace."""
    request.require_scope("workspaces.read", "workspaces.list")
    workspace = find_workspace(request.path_values["id"], request, services)
    fields = workspace_fields(workspace, services.clock.unix_time())
    return 200, resource_document("workspace", visible_fields(fields, request))


def update_workspace(request: AdminRequest, services: AdminServices) -> AdminResponse:
    """Change the fields of a workspace that the body names."""
    request.require_scope("workspaces.update")
    workspace = find_workspace(request.path_values["id"], request, services)
    fields = FieldReader(request.body())
    changed = replace(
        workspace,
        **read_workspace_changes(fields, workspace),
        last_updated_at=services.clock.unix_time(),
    )
    if fields.flag("reset_usage"):
        changed = replace(changed, usage_limits=reset_usage(changed.usage_limits))
    fields.reject_unknown("id", "slug", "users", "workspace_id")
    save_workspace(request, services, workspace, changed, "workspace.update")
    return 200, _document(changed, changed.last_updated_at)


def add_credits(request: AdminRequest, services: AdminServices) -> AdminResponse:
    """Raise the prepaid limit of a workspace, which no period resets, by an amount in US dollars."""
    request.require_scope("workspaces.update")
    workspace = find_workspace(request.path_values["id"], request, services)
    fields, now = FieldReader(request.body()), services.clock.unix_time()
    amount = fields.millionths("amount")
    if not amount:
        raise fields.error("amount", "must be above 0")
    key = fields.text("idempotency_key", 255)
    fields.reject_unknown()
    if not find_created(request, services, key):
        limits = _add_credits(workspace.usage_limits, amount)
        changed = replace(workspace, usage_limits=limits, last_updated_at=now)
        save_workspace(request, services, workspace, changed, "workspace.credit", key)
        workspace = changed
    return 200, _document(workspace, now)


def save_workspace(
    request: AdminRequest,
    services: AdminServices,
    before: Workspace,
    changed: Workspace,
    action: str,
    idempotency_key: str = "",
) -> None:
    """Replace the record of a workspace. Raises Conflict when it is not `before` any more."""
    now = services.clock.unix_time()
    documents = workspace_fields(before, now), workspace_fields(changed, now)
    entry = audit_entry(request, action, (changed.id, changed.id), *documents)
    writes = [workspace_write(before, changed, services)]
    created_id = changed.id if action == "workspace.credit" else ""
    write_rows(request, services, writes, [entry], created_id, idempotency_key)


def workspace_write(before: Workspace, changed: Workspace, services: AdminServices) -> RowWrite:
    """Return the write of a workspace's row. Raises Conflict when the row is not that of `before` any more."""
    stored = services.tenants.table.read(rows.WORKSPACES, changed.id)
    if before != (from_record(Workspace, stored.record) if stored else DEFAULT_WORKSPACE):
        raise changed_meanwhile_error()
    return RowWrite(rows.workspace_row(changed), stored)


def find_workspace(identifier: str, request: AdminRequest, services: AdminServices) -> Workspace:
    """Return a workspace by id or slug. Raises NotFound, also for one that the key may not see."""
    table = services.tenants.table
    slug_row = table.read(rows.SLUGS, identifier)
    if slug_row:
        identifier = slug_row.record["id"]
    if identifier == DEFAULT_WORKSPACE.slug:
        identifier = DEFAULT_WORKSPACE_ID
    workspace = rows.read_workspace(table, identifier)
    if workspace is None or not request.can_see(workspace.id):
        raise not_found("workspace", identifier)
    return workspace


def requested_workspace(
    identifier: str, request: AdminRequest, services: AdminServices
) -> Workspace:
    """Return the workspace that a request names, or that of its key."""
    return find_workspace(identifier or request.key.workspace.id, request, services)


def all_workspaces(services: AdminServices) -> list[Workspace]:
    """Return every workspace, with the default one."""
    stored = services.tenants.table.list(rows.WORKSPACES)
    found = [from_record(Workspace, row.record) for row in stored]
    has_default = any(workspace.id == DEFAULT_WORKSPACE_ID for workspace in found)
    return found if has_default else [DEFAULT_WORKSPACE, *found]


def _add_credits(limits: tuple[UsageLimit, ...], amount: int) -> tuple[UsageLimit, ...]:
    prepaid = UsageLimit("cost", 0)
    others = []
    for limit in limits:
        is_prepaid = limit.type == "cost" and not (
            limit.periodic_reset or limit.periodic_reset_days
        )
        if is_prepaid:
            prepaid = limit
        else:
            others.append(limit)
    return (replace(prepaid, credit_limit=prepaid.credit_limit + amount), *others)


def _slug_row(workspace: Workspace) -> TenantRow:
    return TenantRow(rows.SLUGS, workspace.slug, {"id": workspace.id})


def _document(workspace: Workspace, now: int) -> Mapping[str, Any]:
    return resource_document("workspace", workspace_fields(workspace, now))
