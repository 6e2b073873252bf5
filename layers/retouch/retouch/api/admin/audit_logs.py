"""The audit log: GET /v1/audit-logs?start_time&end_time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from retouch.api.admin.fields import FieldReader
from retouch.api.admin.request import AdminRequest, AdminResponse, AdminServices, list_document
from retouch.api.admin.times import show_time
from retouch.api.admin.workspace_fields import visible_fields
from retouch.core.errors import InvalidRequest
from retouch.tenants.audit import list_audit_rows

_DEFAULT_SECONDS, _MAX_SECONDS = 7 * 86_400, 100 * 86_400


def list_audit_logs(request: AdminRequest, services: AdminServices) -> AdminResponse:
    """List the changes of the workspaces that the key may see, the latest first."""
    request.require_scope("audit_logs.list")
    now = services.clock.unix_time()
    until = _read_time(request.query, "end_time") or now
    since = _read_time(request.query, "start_time") or until - _DEFAULT_SECONDS
    if until - since > _MAX_SECONDS:
        raise InvalidRequest(
            "'start_time' must be at most 100 days before 'end_time'. Ask for a shorter time.",
            param="start_time",
            code="range_too_large",
        )
    found = [
        _entry(record, request)
        for record in list_audit_rows(services.tenants.table, since, until)
        if request.can_see(record["workspace_id"])
    ]
    return 200, list_document(found, request.query)


def _entry(record: Mapping[str, Any], request: AdminRequest) -> Mapping[str, Any]:
    resources = {
        name: visible_fields(record[name], request) if record[name] else None
        for name in ("before", "after")
    }
    created = show_time(record["created_at"])
    return {**record, **resources, "object": "audit-log", "created_at": created}


def _read_time(query: Mapping[str, str], name: str) -> int | None:
    """Return a time of the query: a number of seconds, or ISO 8601."""
    text = query.get(name, "")
    value: Any = int(text) if text.isascii() and text.isdigit() and len(text) < 12 else text
    return FieldReader({name: value or None}).time(name)
