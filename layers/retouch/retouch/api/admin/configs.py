"""Saved configs with versions: /v1/configs. A request names one by its id: x-portkey-config: pc-shop-1f9a3c."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson

from retouch.api.admin.fields import FieldReader
from retouch.api.admin.request import (
    AdminRequest,
    AdminResponse,
    AdminServices,
    list_document,
    not_found,
    resource_document,
)
from retouch.api.admin.slugs import make_slug
from retouch.api.admin.times import show_time
from retouch.api.admin.virtual_keys import visible_workspaces
from retouch.api.admin.workspaces import (
    find_workspace,
    requested_workspace,
    workspace_write,
)
from retouch.api.admin.writes import audit_entry, find_created, write_rows
from retouch.core.errors import InvalidRequest
from retouch.gateway.config_reader import InvalidConfig
from retouch.gateway.routing.config import parse_config
from retouch.gateway.routing.grants import find_secrets
from retouch.tenants import rows
from retouch.tenants.keys import Workspace
from retouch.tenants.table import RowWrite, TenantRow

_KIND, _ID_PREFIX = "config", "pc-"
_STATUSES = ("active", "archived")


def create_config(request: AdminRequest, services: AdminServices) -> AdminResponse:
    """Save a config under a new id."""
    request.require_scope("configs.create")
    fields, now = FieldReader(request.body()), services.clock.unix_time()
    workspace = requested_workspace(fields.text("workspace_id", 64), request, services)
    if created := find_created(request, services):
        return 200, _response(_find(created, request, services), workspace)
    name = fields.required_text("name", 128)
    slug = make_slug(name, _ID_PREFIX)
    record = {
        "slug": slug,
        "name": name,
        "config": _read_config(fields, services),
        "status": "active",
        "workspace_id": workspace.id,
        "version_id": _new_version_id(),
        "updated_by": request.key.id,
        "created_at": now,
        "last_updated_at": now,
    }
    is_default = fields.flag("is_default") or fields.flag("isDefault")
    fields.reject_unknown()
    row = TenantRow(rows.configs_partition(workspace.id), slug, record)
    writes = [RowWrite(row), RowWrite(_version_row(record))]
    if is_default:
        workspace, write = _set_default_config(workspace, slug, services)
        writes.append(write)
    document = _document(record, workspace)
    entry = audit_entry(request, "config.create", (workspace.id, slug), None, document)
    write_rows(request, services, writes, [entry], slug)
    return 200, _response(row, workspace)


def list_configs(request: AdminRequest, services: AdminServices) -> AdminResponse:
    """List the configs of the workspaces that the key may see."""
    request.require_scope("configs.list")
    documents = [
        _document(row.record, workspace)
        for workspace in visible_workspaces(request, services)
        for row in services.tenants.table.list(rows.configs_partition(workspace.id))
    ]
    return 200, list_document(documents, request.query)


def get_config(request: AdminRequest, services: AdminServices) -> AdminResponse:
    """Return the latest version of a config."""
    request.require_scope("configs.read")
    row = _find(request.path_values["slug"], request, services)
    return 200, _response(row, _workspace(row, request, services))


def list_versions(request: AdminRequest, services: AdminServices) -> AdminResponse:
    """List the versions of a config, the latest first."""
    request.require_scope("configs.read")
    row = _find(request.path_values["slug"], request, services)
    partition = rows.config_versions_partition(row.record["workspace_id"], row.name)
    versions = [
        {**version.record, "object": "config-version", **_time_fields(version.record)}
        for version in reversed(services.tenants.table.list(partition))
    ]
    return 200, list_document(versions, request.query)


def update_config(request: AdminRequest, services: AdminServices) -> AdminResponse:
    """Change a config. A new `config` is a new version."""
    request.require_scope("configs.update")
    row = _find(request.path_values["slug"], request, services)
    workspace = _workspace(row, request, services)
    fields, before = FieldReader(request.body()), _document(row.record, workspace)
    changed: dict[str, Any] = {
        **row.record,
        **_read_changes(fields, services),
        "updated_by": request.key.id,
        "last_updated_at": services.clock.unix_time(),
    }
    writes = []
    if fields.has("config"):
        changed["version_id"] = _new_version_id()
        writes.append(RowWrite(_version_row(changed)))
    if fields.flag("is_default") or fields.flag("isDefault"):
        workspace, write = _set_default_config(workspace, row.name, services)
        writes.append(write)
    fields.reject_unknown("slug", "workspace_id")
    new_row = replace(row, record=changed)
    entry = audit_entry(
        request, "config.update", (workspace.id, row.name), before, _document(changed, workspace)
    )
    write_rows(request, services, [RowWrite(new_row, row), *writes], [entry])
    return 200, _response(new_row, workspace)


def delete_config(request: AdminRequest, services: AdminServices) -> AdminResponse:
    """Delete a config. Its versions stay until its workspace is deleted."""
    request.require_scope("configs.delete")
    row = _find(request.path_values["slug"], request, services)
    workspace = _workspace(row, request, services)
    writes = [RowWrite(row, row, is_deletion=True)]
    if workspace.defaults.config_id == row.name:
        writes.append(_set_default_config(workspace, "", services)[1])
    entry = audit_entry(
        request, "config.delete", (workspace.id, row.name), _document(row.record, workspace), None
    )
    write_rows(request, services, writes, [entry])
    return 200, {"success": True, "id": row.name, "object": _KIND, "deleted": True}


def _find(slug: str, request: AdminRequest, services: AdminServices) -> TenantRow:
    """Return the row of a config. Raises NotFound, also for a config of another workspace."""
    for workspace in visible_workspaces(request, services):
        row = services.tenants.table.read(rows.configs_partition(workspace.id), slug)
        if row:
            return row
    raise not_found("config", slug)


def _workspace(row: TenantRow, request: AdminRequest, services: AdminServices) -> Workspace:
    return find_workspace(row.record["workspace_id"], request, services)


def _read_changes(fields: FieldReader, services: AdminServices) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if fields.has("name"):
        changes["name"] = fields.required_text("name", 128)
    if fields.has("status"):
        changes["status"] = fields.choice("status", _STATUSES) or "active"
    if fields.has("config"):
        changes["config"] = _read_config(fields, services)
    return changes


def _read_config(fields: FieldReader, services: AdminServices) -> Mapping[str, Any]:
    """Return the config, which may also be JSON text. Raises InvalidRequest with the code invalid_config."""
    value = fields.raw("config")
    try:
        config = orjson.loads(value) if isinstance(value, str) else value
        if not isinstance(config, dict):
            raise ValueError("no object")
    except ValueError:
        raise fields.error("config", "must be a JSON object") from None
    for path in find_secrets(config):
        raise InvalidRequest(
            f"{path} is a secret. Save the key as a virtual key, and name it as 'virtual_key'.",
            param="config",
            code="invalid_config",
        )
    try:
        parse_config(config, services.header_prefixes)
    except InvalidConfig as error:
        raise InvalidRequest(str(error), param="config", code="invalid_config") from None
    return config


def _new_version_id() -> str:
    return f"pcv-{secrets.token_hex(8)}"


def _version_row(record: Mapping[str, Any]) -> TenantRow:
    partition = rows.config_versions_partition(record["workspace_id"], record["slug"])
    version = {
        "version_id": record["version_id"],
        "config": record["config"],
        "updated_by": record["updated_by"],
        "created_at": record["last_updated_at"],
    }
    return TenantRow(partition, f"{record['last_updated_at']:012d}#{record['version_id']}", version)


def _set_default_config(
    workspace: Workspace, slug: str, services: AdminServices
) -> tuple[Workspace, RowWrite]:
    changed = replace(workspace, defaults=replace(workspace.defaults, config_id=slug))
    return changed, workspace_write(workspace, changed, services)


def _response(row: TenantRow, workspace: Workspace) -> dict[str, Any]:
    return resource_document(_KIND, _document(row.record, workspace))


def _document(record: Mapping[str, Any], workspace: Workspace) -> dict[str, Any]:
    return {
        "id": record["slug"],
        "organisation_id": "organisation",
        "is_default": int(workspace.defaults.config_id == record["slug"]),
        **record,
        **_time_fields(record),
    }


def _time_fields(record: Mapping[str, Any]) -> dict[str, Any]:
    names = ("created_at", "last_updated_at")
    return {name: show_time(record[name]) for name in names if name in record}
