"""Endpoints and deliveries as rows of the table, and writes that follow other writes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any, TypeVar

import orjson

from retouch.core.rows import Row, RowConflict, RowTable
from retouch.webhooks.delivery import Delivery, DeliveryAttempt
from retouch.webhooks.endpoint import Endpoint

_Record = TypeVar("_Record", Endpoint, Delivery)
_MAX_RACES = 8
_RECORD = "record"  # the only value of a row
_OWN_COLUMNS = ("id", "scope", "version")


def read_endpoint(table: RowTable, scope: str, identifier: str) -> Endpoint | None:
    """Return a stored endpoint, or None. Raises WebhooksUnavailable."""
    row = table.read(scope, identifier)
    return endpoint_of_row(row) if row else None


def read_delivery(table: RowTable, scope: str, identifier: str) -> Delivery | None:
    """Return a stored delivery, or None. Raises WebhooksUnavailable."""
    row = table.read(scope, identifier)
    return delivery_of_row(row) if row else None


def endpoint_of_row(row: Row) -> Endpoint:
    """Return the endpoint in a row."""
    values = orjson.loads(str(row.values[_RECORD]))
    # A row of an earlier version has one old secret in two fields.
    old, until = values.pop("old_secret", ""), values.pop("old_secret_until", 0)
    old_secrets = values.get("old_secrets") or ([(old, until)] if old else [])
    return Endpoint(
        id=row.id,
        scope=row.scope,
        version=row.version,
        **{
            **values,
            "event_types": tuple(values["event_types"]),
            "old_secrets": tuple((text, until) for text, until in old_secrets),
        },
    )


def delivery_of_row(row: Row) -> Delivery:
    """Return the delivery in a row."""
    values = orjson.loads(str(row.values[_RECORD]))
    attempts = tuple(DeliveryAttempt(*attempt) for attempt in values["attempts"])
    return Delivery(
        id=row.id, scope=row.scope, version=row.version, **{**values, "attempts": attempts}
    )


def write_record(table: RowTable, record: _Record, replaces: _Record | None) -> _Record:
    """Write a record over the one that it replaces. Raises RowConflict and WebhooksUnavailable."""
    row = table.write(_row(record), _row(replaces) if replaces else None)
    return replace(record, version=row.version)


def change_endpoint(
    table: RowTable, endpoint: Endpoint, change: Callable[[Endpoint], Endpoint]
) -> Endpoint | None:
    """Write a change of an endpoint over what is stored. Return it, or None when the endpoint was deleted."""
    for _ in range(_MAX_RACES):
        changed = change(endpoint)
        if changed == endpoint:
            return endpoint
        try:
            return write_record(table, changed, endpoint)
        except RowConflict as conflict:
            if conflict.stored is None:
                return None
            endpoint = endpoint_of_row(conflict.stored)
    raise TimeoutError("other requests always changed the endpoint first")


def _row(record: Endpoint | Delivery) -> Row:
    expires = record.expires if isinstance(record, Delivery) else 0
    text = orjson.dumps(_values(record)).decode()
    return Row(record.scope, record.id, {_RECORD: text}, expires, version=record.version)


def _values(record: Endpoint | Delivery) -> dict[str, Any]:
    values = {item.name: getattr(record, item.name) for item in fields(record)}
    if isinstance(record, Delivery):
        values["attempts"] = [
            [one.time, one.status, one.milliseconds, one.reason] for one in record.attempts
        ]
    return {name: value for name, value in values.items() if name not in _OWN_COLUMNS}
