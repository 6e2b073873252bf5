"""Exports of logs in Portkey's shape: below /v1/logs/exports."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from retouch.api.admin.fields import FieldReader
from retouch.api.admin.request import AdminRequest, AdminResponse, AdminServices, not_found
from retouch.api.admin.times import show_time
from retouch.api.admin.usage_params import (
    filter_from_values,
    require_documents,
    required_time,
    visible_workspaces,
)
from retouch.core.errors import InvalidRequest, JobConflict, UsageUnavailable
from retouch.gateway.results.signed_links import signed_url
from retouch.usage.documents import Document, export_group
from retouch.usage.exports import (
    Export,
    ExportState,
    from_document,
    new_export_id,
    to_document,
)
from retouch.usage.log_rows import COLUMN_NAMES

_SCOPE = "logs.export"
_LINK_SECONDS = 3600
_MAX_DESCRIPTION_CHARS = 512


def create_export(request: AdminRequest, services: AdminServices) -> AdminResponse:
    """Make an export, which is a draft until it is started."""
    request.require_scope(_SCOPE)
    fields, now = FieldReader(request.body()), services.clock.unix_time()
    export = Export(
        id=new_export_id(),
        workspace=request.key.workspace.id,
        created=now,
        updated=now,
        created_by=request.key.id,
        description=fields.text("description", _MAX_DESCRIPTION_CHARS),
        **_read_content(fields, request, services),
    )
    fields.reject_unknown()
    require_documents(services).write(to_document(export))
    return 200, {"id": export.id, "total": export.total, "object": "export", "success": True}


def list_exports(request: AdminRequest, services: AdminServices) -> AdminResponse:
    """List the exports of the key's workspace whose events the key may see, the latest first."""
    request.require_scope(_SCOPE)
    documents = require_documents(services).read_group(export_group(request.key.workspace.id))
    visible = (one for one in map(from_document, documents) if _can_see(one, request))
    found = sorted(visible, key=lambda one: (one.created, one.id))
    data = [_fields(export) for export in reversed(found)]
    return 200, {"object": "list", "success": True, "total": len(data), "data": data}


def get_export(request: AdminRequest, services: AdminServices) -> AdminResponse:
    """Return an export."""
    request.require_scope(_SCOPE)
    return 200, {**_fields(from_document(_find(request, services))), "success": True}


def update_export(request: AdminRequest, services: AdminServices) -> AdminResponse:
    """Change the filters or the columns of a draft."""
    request.require_scope(_SCOPE)
    fields = FieldReader(request.body())
    content = _read_content(fields, request, services)
    fields.reject_unknown()

    def change(export: Export) -> Export:
        _require_state(export, "draft")
        return replace(export, **content)

    export = _change(request, services, change)
    return 200, {"id": export.id, "total": export.total, "object": "export", "success": True}


def start_export(request: AdminRequest, services: AdminServices) -> AdminResponse:
    """Let a worker write the file. A start that is repeated sends the message again, and the file stays the same."""
    request.require_scope(_SCOPE)
    if services.queue is None:
        raise UsageUnavailable(
            "This gateway has no queue of edits, whose workers write exports. Set RETOUCH_EDITS_QUEUE.",
            retryable=False,
        )

    def change(export: Export) -> Export:
        _require_state(export, "draft", "in_progress")
        return replace(export, state="in_progress")

    export = _change(request, services, change)
    services.queue.send({"export": export.id, "workspace": export.workspace})
    return 200, {"message": "The export has started", "object": "export", "success": True}


def cancel_export(request: AdminRequest, services: AdminServices) -> AdminResponse:
    """Stop an export that has not ended."""
    request.require_scope(_SCOPE)

    def change(export: Export) -> Export:
        _require_state(export, "draft", "in_progress")
        return replace(export, state="stopped")

    _change(request, services, change)
    return 200, {"message": "The export is cancelled", "object": "export", "success": True}


def download_export(request: AdminRequest, services: AdminServices) -> AdminResponse:
    """Return a link to the file. Each call makes a new one."""
    request.require_scope(_SCOPE)
    export = from_document(_find(request, services))
    _require_state(export, "success")
    base_url = services.settings.base_url or request.http_request.base_url
    expires = services.clock.unix_time() + _LINK_SECONDS
    link = signed_url(base_url, export.object_key, expires, request.pepper)
    return 200, {"signed_url": link, "success": True}


def _read_content(
    fields: FieldReader, request: AdminRequest, services: AdminServices
) -> dict[str, Any]:
    """Return which events an export has, and which of their fields. Raises InvalidRequest."""
    filters = fields.raw("filters")
    if not isinstance(filters, Mapping):
        raise fields.error("filters", "is required: an object with time_of_generation_min and _max")
    filter_from_values(filters)  # refuses what cannot be filtered
    columns = fields.raw("requested_data") or list(COLUMN_NAMES)
    if not isinstance(columns, list) or any(one not in COLUMN_NAMES for one in columns):
        raise InvalidRequest(
            f"'requested_data' must be a list of: {', '.join(COLUMN_NAMES)}.",
            param="requested_data",
        )
    names = filters.get("workspace_slug") or fields.text("workspace_id")
    start = required_time(filters, "time_of_generation_min")
    end = required_time(filters, "time_of_generation_max")
    if end <= start:
        raise InvalidRequest(
            "'time_of_generation_max' must be later than 'time_of_generation_min'.",
            code="invalid_range",
        )
    return {
        "workspaces": visible_workspaces(request, services, names, (start, end)),
        "filters": dict(filters),
        "columns": tuple(columns),
        "start": start,
        "end": end,
        "cost_basis": request.cost_basis,
    }


def _find(request: AdminRequest, services: AdminServices) -> Document:
    identifier = request.path_values["id"]
    group = export_group(request.key.workspace.id)
    document = require_documents(services).read(group, identifier)
    if document is None or not _can_see(from_document(document), request):
        raise not_found("export", identifier)
    return document


def _can_see(export: Export, request: AdminRequest) -> bool:
    """Return whether the key may see all of an export, which a key of the organisation may have made."""
    may_see_cost = request.cost_basis == "cost"
    return (may_see_cost or export.cost_basis == "price") and all(
        map(request.can_see, export.workspaces)
    )


def _change(
    request: AdminRequest, services: AdminServices, change: Callable[[Export], Export]
) -> Export:
    """Store a change of the present export, and return it."""
    while True:
        document = _find(request, services)
        export = replace(change(from_document(document)), updated=services.clock.unix_time())
        if require_documents(services).write(to_document(export, document.version)):
            return export


def _require_state(export: Export, *states: ExportState) -> None:
    if export.state not in states:
        raise JobConflict(
            f"The export is {export.state}. The request is possible only while it is {' or '.join(states)}.",
            code="export_state",
        )


def _fields(export: Export) -> dict[str, Any]:
    return {
        "id": export.id,
        "status": export.state,
        "description": export.description,
        "filters": dict(export.filters),
        "requested_data": list(export.columns),
        "workspace_id": export.workspace,
        "total_records": export.total,
        "created_at": show_time(export.created),
        "last_updated_at": show_time(export.updated),
        "created_by": export.created_by,
        "object": "export",
    }


EXPORT_ROUTES = {
    ("GET", "/v1/logs/exports"): list_exports,
    ("POST", "/v1/logs/exports"): create_export,
    ("GET", "/v1/logs/exports/{id}"): get_export,
    ("PUT", "/v1/logs/exports/{id}"): update_export,
    ("POST", "/v1/logs/exports/{id}/start"): start_export,
    ("POST", "/v1/logs/exports/{id}/cancel"): cancel_export,
    ("GET", "/v1/logs/exports/{id}/download"): download_export,
}
