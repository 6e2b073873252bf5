"""Writes of the admin API: together with their audit row, and at most once for each Idempotency-Key."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from retouch.api.admin.request import AdminRequest, AdminServices
from retouch.core.errors import IdempotencyKeyReused, JobConflict
from retouch.core.write_conflict import WriteConflict
from retouch.orders.idempotency_key import HEADER_NAME, parse_idempotency_key
from retouch.tenants.audit import AuditEntry, audit_row
from retouch.tenants.rows import ONLY
from retouch.tenants.table import RowWrite, TenantRow


class Conflict(JobConflict):
    """The state of a resource does not permit the request."""

    code = "conflict"


def audit_entry(
    request: AdminRequest,
    action: str,
    place: tuple[str, str],
    before: Any,
    after: Any,
) -> AuditEntry:
    """Return the audit entry of a change. `place` is the workspace's id and the resource's id."""
    workspace_id, resource_id = place
    return AuditEntry(
        request.key.id, action, resource_id, workspace_id, request.request_id, before, after
    )


def write_rows(
    request: AdminRequest,
    services: AdminServices,
    writes: Sequence[RowWrite],
    entries: Sequence[AuditEntry],
    created_id: str = "",
    idempotency_key: str = "",
) -> None:
    """Make the writes with their audit rows. `created_id` is what an equal request gets. Raises Conflict.

    `idempotency_key` is in the body of the request, if not in its header.
    """
    now = services.clock.unix_time()
    further = [RowWrite(audit_row(entry, now)) for entry in entries]
    partition = _creation_partition(request, idempotency_key)
    if created_id and partition:
        further.append(_creation_write(partition, request, created_id, services))
    try:
        services.tenants.table.write([*writes, *further])
    except WriteConflict:
        raise changed_meanwhile_error() from None


def changed_meanwhile_error() -> Conflict:
    """Return the error for a resource that another request has changed since this one has read it."""
    return Conflict(
        "Another request has changed the same resource in the meantime. Send the request again."
    )


def writes_that_forget_creation(request: AdminRequest, services: AdminServices) -> list[RowWrite]:
    """Return the write after which an equal request creates the resource again."""
    partition = _creation_partition(request, "")
    row = services.tenants.table.read(partition, ONLY) if partition else None
    return [RowWrite(row, row, is_deletion=True)] if row else []


def find_created(
    request: AdminRequest, services: AdminServices, idempotency_key: str = ""
) -> str | None:
    """Return the id that an earlier request with the same Idempotency-Key has created, or None.

    Raises IdempotencyKeyReused when the earlier request was another one.
    """
    partition = _creation_partition(request, idempotency_key)
    row = services.tenants.table.read(partition, ONLY) if partition else None
    if row is None or services.clock.unix_time() >= (row.expires or 0):
        return None
    if row.record["body"] != request.body_digest():
        raise IdempotencyKeyReused(
            "This Idempotency-Key belongs to another request. Use one key for each resource that you create."
        )
    return str(row.record["id"])


def _creation_write(
    partition: str, request: AdminRequest, created_id: str, services: AdminServices
) -> RowWrite:
    now = services.clock.unix_time()
    stored = services.tenants.table.read(partition, ONLY)
    expires = now + round(services.settings.idempotency_hours * 3600)
    record = {"id": created_id, "body": request.body_digest()}
    # The table removes an expired row late.
    is_expired = stored is not None and now >= (stored.expires or 0)
    return RowWrite(TenantRow(partition, ONLY, record, expires), stored if is_expired else None)


def _creation_partition(request: AdminRequest, idempotency_key: str) -> str:
    """Return where the result of the request is stored, or an empty text without an idempotency key."""
    text = idempotency_key or request.http_request.headers.get(HEADER_NAME.lower())
    if text is None:
        return ""
    key = parse_idempotency_key(text)
    path = request.http_request.path
    digest = hashlib.sha256(f"{request.key.id} {path} {key}".encode()).hexdigest()
    return f"CREATED#{digest}"
