"""Audit rows: who has changed what of a tenant, and when. They contain no secrets."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.tenants.table import TenantRow, TenantTable

_KEPT_SECONDS = 400 * 86_400


@frozen_dataclass
class AuditEntry:
    """One change. `before` and `after` are the resource as the API shows it; None: there was or is none."""

    actor: str  # the id of the key
    action: str  # such as "api_key.create"
    resource_id: str
    workspace_id: str
    request_id: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None


def audit_row(entry: AuditEntry, now: int) -> TenantRow:
    """Return the row of a change."""
    time = datetime.fromtimestamp(now, UTC)
    record = {
        "actor": entry.actor,
        "action": entry.action,
        "resource_id": entry.resource_id,
        "workspace_id": entry.workspace_id,
        "request_id": entry.request_id,
        "before": entry.before,
        "after": entry.after,
        "created_at": now,
    }
    name = f"{time:%H:%M:%S}#{secrets.token_hex(8)}"
    return TenantRow(_partition(time), name, record, expires=now + _KEPT_SECONDS)


def list_audit_rows(table: TenantTable, since: int, until: int) -> Sequence[Mapping[str, Any]]:
    """Return the changes from one time to another, the latest first."""
    day = datetime.fromtimestamp(since, UTC)
    records: list[Mapping[str, Any]] = []
    while f"{day:%Y-%m-%d}" <= f"{datetime.fromtimestamp(until, UTC):%Y-%m-%d}":
        records += [row.record for row in table.list(_partition(day))]
        day += timedelta(days=1)
    return [record for record in reversed(records) if since <= record["created_at"] <= until]


def _partition(time: datetime) -> str:
    return f"AUDIT#{time:%Y-%m-%d}"
