"""Workspaces: POST, GET, PUT and DELETE /v1/admin/workspaces."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from retouch.api.admin.fields import FieldReader
from retouch.api.admin.key_defaults import read_defaults, show_defaults
from retouch.api.admin.limit_fields import (
    dollars,
    read_rate_limits,
    read_usage_limits,
    show_rate_limits,
    show_usage_limits,
)
from retouch.api.admin.request import (
    AdminAnswer,
    AdminRequest,
    AdminServices,
    list_document,
    not_found,
    resource_document,
)
from retouch.api.admin.slugs import make_slug
from retouch.api.admin.times import show_time
from retouch.api.admin.writes import Conflict, audit_entry, find_created, write_changes
from retouch.core.errors import InvalidRequest
from retouch.tenants import rows
from retouch.tenants.keys import DEFAULT_WORKSPACE, DEFAULT_WORKSPACE_ID, Workspace
from retouch.tenants.limits import AT_COST, MICRO_USD, Price
from retouch.tenants.records import from_record
from retouch.tenants.table import Change, Row

_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,47}", re.ASCII)
_MAX_MULTIPLIER = 1000


def create_workspace(request: AdminRequest, services: AdminServices) -> AdminAnswer:
    """Create a workspace."""
    request.require_scope("workspaces.create")
    if created := find_created(request, services):
        return 200, _document(find_workspace(created, request, services))
    fields = FieldReader(request.body())
    name, now = fields.required_text("name", 128), services.clock.unix_time()
    slug = _read_slug(fields, name)
    workspace = Workspace(id=f"w_{secrets.token_hex(8)}", slug=slug, name=name, created_at=now)
    workspace = replace(workspace, **_read_changes(fields), last_updated_at=now)
    fields.reject_unknown("users")
    if services.tenants.table.read(rows.SLUGS, slug) or slug == DEFAULT_WORKSPACE.slug:
        raise Conflict(f"There is already a workspace '{slug}'. Choose another slug.", param="slug")
    entry = audit_entry(
        request, "workspace.create", (workspace.id, workspace.id), None, _fields(workspace)
    )
    changes = [Change(rows.workspace_row(workspace)), Change(_slug_row(workspace))]
    write_changes(request, services, changes, [entry], workspace.id)
    return 200, _document(workspace)


def list_workspaces(request: AdminRequest, services: AdminServices) -> AdminAnswer:
    """List the workspaces that the key may see."""
    request.require_scope("workspaces.list", "workspaces.read")
    names = (request.query.get("name", ""), request.query.get("exact_name", ""))
    found = [
        _fields(workspace)
        for workspace in all_workspaces(services)
        if request.can_see(workspace.id)
        and names[0].lower() in workspace.name.lower()
        and names[1] in ("", workspace.name)
    ]
    return 200, list_document(found, request.query)


def get_workspace(request: AdminRequest, services: AdminServices) -> AdminAnswer:
    """Return a workspace."""
    request.require_scope("workspaces.read", "workspaces.list")
    return 200, _document(find_workspace(request.path_values["id"], request, services))


def update_workspace(request: AdminRequest, services: AdminServices) -> AdminAnswer:
    """Change the fields of a workspace that the body names."""
    request.require_scope("workspaces.update")
    workspace = find_workspace(request.path_values["id"], request, services)
    fields = FieldReader(request.body())
    changed = replace(
        workspace, **_read_changes(fields), last_updated_at=services.clock.unix_time()
    )
    if fields.flag("reset_usage"):
        limits = tuple(replace(limit, epoch=limit.epoch + 1) for limit in changed.usage_limits)
        changed = replace(changed, usage_limits=limits)
    fields.reject_unknown("id", "slug", "users", "workspace_id")
    save_workspace(request, services, changed, "workspace.update")
    return 200, _document(changed)


def delete_workspace(request: AdminRequest, services: AdminServices) -> AdminAnswer:
    """Delete a workspace, and its keys first. What it has stored is kept until it expires."""
    request.require_scope("workspaces.delete")
    workspace = find_workspace(request.path_values["id"], request, services)
    if workspace.id == DEFAULT_WORKSPACE_ID:
        raise Conflict("The default workspace cannot be deleted.")
    table = services.tenants.table
    if services.has_holds(workspace.id):
        raise Conflict(
            f"The workspace '{workspace.slug}' has edits in flight. Revoke its keys, and delete it "
            "when they have ended.",
            code="workspace_in_use",
        )
    for row in table.list(rows.KEYS):
        if row.record["workspace"] == workspace.id:
            _delete_key(row, workspace, request, services)
    for row in table.list(rows.virtual_keys_partition(workspace.id)):
        write_changes(request, services, [Change(row, row, is_deletion=True)], [])
        services.tenants.secrets.delete(workspace.id, row.name)
    removed = [table.read(rows.WORKSPACES, workspace.id), table.read(rows.SLUGS, workspace.slug)]
    changes = [Change(row, row, is_deletion=True) for row in removed if row]
    entry = audit_entry(
        request, "workspace.delete", (workspace.id, workspace.id), _fields(workspace), None
    )
    write_changes(request, services, changes, [entry])
    return 200, {"success": True, "id": workspace.id, "object": "workspace", "deleted": True}


def save_workspace(
    request: AdminRequest, services: AdminServices, changed: Workspace, action: str
) -> None:
    """Replace the record of a workspace."""
    stored = services.tenants.table.read(rows.WORKSPACES, changed.id)
    before = from_record(Workspace, stored.record) if stored else DEFAULT_WORKSPACE
    entry = audit_entry(
        request, action, (changed.id, changed.id), _fields(before), _fields(changed)
    )
    write_changes(request, services, [Change(rows.workspace_row(changed), stored)], [entry])


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


def _delete_key(
    row: Row, workspace: Workspace, request: AdminRequest, services: AdminServices
) -> None:
    digests = [
        services.tenants.table.read(rows.digest_partition(digest), rows.ONLY)
        for digest in row.record.get("digests", ())
    ]
    entry = audit_entry(request, "api_key.delete", (workspace.id, row.name), None, None)
    changes = [Change(one, one, is_deletion=True) for one in (row, *digests) if one]
    write_changes(request, services, changes, [entry])


def _read_changes(fields: FieldReader) -> dict[str, Any]:
    readers: dict[str, Callable[[], Any]] = {
        "name": lambda: fields.required_text("name", 128),
        "description": lambda: fields.text("description"),
        "usage_limits": lambda: read_usage_limits(fields),
        "rate_limits": lambda: read_rate_limits(fields),
        "concurrency": lambda: fields.integer("concurrency", 0, 1000),
        "price": lambda: _read_price(fields),
        "defaults": lambda: read_defaults(fields),
    }
    return {name: read() for name, read in readers.items() if fields.has(name)}


def _read_price(fields: FieldReader) -> Price:
    price = fields.child("price")
    if price is None:
        return AT_COST
    multiplier = price.millionths("multiplier", _MAX_MULTIPLIER)
    per_picture = price.millionths("per_picture_usd")
    price.reject_unknown()
    return Price(MICRO_USD if multiplier is None else multiplier, per_picture or 0)


def _read_slug(fields: FieldReader, name: str) -> str:
    slug = fields.text("slug", 48)
    if not slug:
        return make_slug(name)
    if not _SLUG.fullmatch(slug):
        raise InvalidRequest(
            "'slug' must be lower-case letters, digits and '-', at most 48, and begin with a letter or a digit.",
            param="slug",
        )
    return slug


def _slug_row(workspace: Workspace) -> Row:
    return Row(rows.SLUGS, workspace.slug, {"id": workspace.id})


def _document(workspace: Workspace) -> Mapping[str, Any]:
    return resource_document("workspace", _fields(workspace))


def _fields(workspace: Workspace) -> dict[str, Any]:
    return {
        "id": workspace.id,
        "slug": workspace.slug,
        "name": workspace.name,
        "description": workspace.description,
        "usage_limits": show_usage_limits(workspace.usage_limits),
        "rate_limits": show_rate_limits(workspace.rate_limits),
        "concurrency": workspace.concurrency,
        "price": {
            "multiplier": dollars(workspace.price.multiplier),
            "per_picture_usd": dollars(workspace.price.per_picture),
        },
        "defaults": show_defaults(workspace.defaults),
        "created_at": show_time(workspace.created_at),
        "last_updated_at": show_time(workspace.last_updated_at),
    }
