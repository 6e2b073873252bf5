"""Gateway keys: POST /v1/api-keys/{type}/{sub_type}, and GET, PUT, DELETE and rotate of /v1/api-keys/{id}."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import cast

from retouch.api.admin.fields import FieldReader
from retouch.api.admin.key_fields import (
    MAX_TRANSITION_MS,
    check_grant,
    key_document,
    read_key_changes,
)
from retouch.api.admin.limit_fields import reset_usage
from retouch.api.admin.request import (
    AdminRequest,
    AdminResponse,
    AdminServices,
    list_document,
    not_found,
    resource_document,
)
from retouch.api.admin.times import show_time
from retouch.api.admin.workspaces import find_workspace, requested_workspace
from retouch.api.admin.writes import Conflict, audit_entry, find_created, write_rows
from retouch.core.credentials.gateway_keys import new_gateway_key
from retouch.core.errors import NotFound
from retouch.gateway.authentication import key_digest
from retouch.tenants import rows
from retouch.tenants.keys import GatewayKey, KeySubtype, KeyType
from retouch.tenants.table import RowWrite, TenantRow

_KINDS = (("workspace", "service"), ("workspace", "user"), ("organisation", "service"))
_GROUPS = tuple(f"{kind}_{subtype}_api_keys" for kind, subtype in _KINDS)


def create_key(request: AdminRequest, services: AdminServices) -> AdminResponse:
    """Create a key. The answer is the only one that shows it."""
    kind, subtype = _read_kind(request)
    _require_scope(request, kind, subtype, "create")
    if created := find_created(request, services):
        raise Conflict(
            f"An earlier request with this Idempotency-Key has created the key {created}. It is not shown again: "
            f"rotate it if the answer was lost.",
            code="already_created",
            details={"id": created},
        )
    fields, now = FieldReader(request.body()), services.clock.unix_time()
    workspace = requested_workspace(fields.text("workspace_id", 64), request, services)
    secret = new_gateway_key()
    key = GatewayKey(
        id=f"k_{secrets.token_hex(12)}",
        name=fields.required_text("name", 128),
        workspace=workspace,
        type=cast(KeyType, kind),
        subtype=cast(KeySubtype, subtype),
        digests=(key_digest(secret, request.pepper),),
        created_at=now,
        last_updated_at=now,
    )
    key = replace(key, **read_key_changes(fields, key))
    fields.reject_unknown("type", "sub-type", "sub_type", "organisation_id")
    check_grant(key, request.key)
    document = key_document(key, now)
    entry = audit_entry(request, "api_key.create", (workspace.id, key.id), None, document)
    writes = [RowWrite(rows.key_row(key)), RowWrite(rows.digest_row(key.digests[0], key.id))]
    write_rows(request, services, writes, [entry], key.id)
    return 200, {"id": key.id, "key": secret, "object": "api-key", "success": True}


def list_keys(request: AdminRequest, services: AdminServices) -> AdminResponse:
    """List the keys of the kinds and workspaces that the key may see."""
    request.require_scope(*(f"{group}.list" for group in _GROUPS))
    wanted = request.query.get("workspace_id", "")
    only = find_workspace(wanted, request, services).id if wanted else ""
    now, documents = services.clock.unix_time(), []
    for row in services.tenants.table.list(rows.KEYS):
        key = _key(row, services)
        is_wanted = only in ("", key.workspace.id) if key else False
        if key and is_wanted and _can_see(key, request, "list"):
            documents.append(key_document(key, now))
    documents.sort(key=lambda document: (document["created_at"] or "", document["id"]))
    return 200, list_document(documents, request.query)


def get_key(request: AdminRequest, services: AdminServices) -> AdminResponse:
    """Return a key, without the key itself."""
    key, _ = _find_key(request, services, "read")
    return 200, resource_document("api-key", key_document(key, services.clock.unix_time()))


def update_key(request: AdminRequest, services: AdminServices) -> AdminResponse:
    """Change the fields of a key that the body names."""
    key, row = _find_key(request, services, "update")
    fields, now = FieldReader(request.body()), services.clock.unix_time()
    changed = replace(key, **read_key_changes(fields, key), last_updated_at=now)
    if fields.flag("reset_usage"):
        changed = replace(changed, usage_limits=reset_usage(changed.usage_limits))
    fields.reject_unknown("id", "workspace_id", "type", "sub-type", "organisation_id")
    check_grant(changed, request.key)
    before, after = key_document(key, now), key_document(changed, now)
    entry = audit_entry(request, "api_key.update", (key.workspace.id, key.id), before, after)
    write_rows(request, services, [RowWrite(rows.key_row(changed), row)], [entry])
    return 200, resource_document("api-key", after)


def delete_key(request: AdminRequest, services: AdminServices) -> AdminResponse:
    """Revoke a key. Every function refuses it within a minute."""
    key, row = _find_key(request, services, "delete")
    links = [_digest_row(digest, services) for digest in key.digests]
    writes = [RowWrite(one, one, is_deletion=True) for one in (row, *links) if one]
    before = key_document(key, services.clock.unix_time())
    entry = audit_entry(request, "api_key.delete", (key.workspace.id, key.id), before, None)
    write_rows(request, services, writes, [entry])
    return 200, {"success": True, "id": key.id, "object": "api-key", "deleted": True}


def rotate_key(request: AdminRequest, services: AdminServices) -> AdminResponse:
    """Replace a key by a new one. The old one works until the end of the transition; id and limits stay."""
    key, row = _find_key(request, services, "update")
    check_grant(key, request.key)
    fields, now = FieldReader(request.body()), services.clock.unix_time()
    period = fields.integer("key_transition_period_ms", 0, MAX_TRANSITION_MS)
    fields.reject_unknown()
    period = key.rotation.key_transition_period_ms or 0 if period is None else period
    ends_at, secret = now + period // 1000, new_gateway_key()
    digest = key_digest(secret, request.pepper)
    writes, kept = [RowWrite(rows.digest_row(digest, key.id))], [digest]
    for old in key.digests:
        link = _digest_row(old, services)
        if link is None:
            continue
        old_end = min(link.record.get("expires_at", ends_at), ends_at)
        writes.append(RowWrite(rows.digest_row(old, key.id, old_end), link))
        kept += [old] if old_end > now else []
    changed = replace(key, digests=tuple(kept), last_updated_at=now)
    document = key_document(changed, now)
    entry = audit_entry(request, "api_key.rotate", (key.workspace.id, key.id), document, document)
    write_rows(request, services, [*writes, RowWrite(rows.key_row(changed), row)], [entry])
    return 200, {
        "id": key.id,
        "key": secret,
        "key_transition_expires_at": show_time(ends_at),
        "object": "api-key",
        "success": True,
    }


def _read_kind(request: AdminRequest) -> tuple[str, str]:
    kind = request.path_values["type"], request.path_values["sub_type"]
    if kind not in _KINDS:
        raise NotFound(
            "Keys are created at POST /v1/api-keys/workspace/service, /v1/api-keys/workspace/user and "
            "/v1/api-keys/organisation/service."
        )
    return kind


def _require_scope(request: AdminRequest, kind: str, subtype: str, action: str) -> None:
    request.require_scope(f"{kind}_{subtype}_api_keys.{action}")


def _find_key(
    request: AdminRequest, services: AdminServices, action: str
) -> tuple[GatewayKey, TenantRow]:
    """Return a key with its row. Raises InsufficientScope, and NotFound also for another workspace's key."""
    request.require_scope(*(f"{group}.{action}" for group in _GROUPS))
    identifier = request.path_values["id"]
    row = services.tenants.table.read(rows.KEYS, identifier)
    key = _key(row, services) if row else None
    if row is None or key is None or not _can_see(key, request, action):
        raise not_found("key", identifier)
    return key, row


def _can_see(key: GatewayKey, request: AdminRequest, action: str) -> bool:
    scope = f"{key.type}_{key.subtype}_api_keys.{action}"
    is_visible = request.is_of_organisation or key.type == "workspace"
    return is_visible and request.can_see(key.workspace.id) and scope in request.key.scopes


def _key(row: TenantRow, services: AdminServices) -> GatewayKey | None:
    workspace = rows.read_workspace(services.tenants.table, row.record["workspace"])
    return rows.key_of_row(row, workspace) if workspace else None


def _digest_row(digest: str, services: AdminServices) -> TenantRow | None:
    return services.tenants.table.read(rows.digest_partition(digest), rows.ONLY)
