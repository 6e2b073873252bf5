"""A batch as a row of texts and whole numbers, as every table stores it. Empty values are left out."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import orjson

from retouch.batches.batch import KEPT_SECONDS, Batch, LineError
from retouch.core.rows import Row

_OWN_FORMS = ("id", "scope", "version", "metadata", "errors")
_PLAIN_FIELDS = tuple(field.name for field in fields(Batch) if field.name not in _OWN_FORMS)


def batch_row(batch: Batch) -> Row:
    """Return the batch as it is stored. The sweeper looks for a batch that has not ended."""
    values: dict[str, str | int] = {name: getattr(batch, name) for name in _PLAIN_FIELDS}
    errors = [[one.code, one.message, one.line, one.param] for one in batch.errors]
    texts: dict[str, str | int] = {
        "metadata": orjson.dumps(dict(batch.metadata)).decode() if batch.metadata else "",
        "errors": orjson.dumps(errors).decode() if errors else "",
        "window_ends": batch.expires,
    }
    del values["expires"]  # the row has a later one of its own
    present = {name: value for name, value in {**values, **texts}.items() if value not in ("", 0)}
    due = 0 if batch.has_ended else max(batch.wake, batch.lease)
    return Row(batch.scope, batch.id, present, batch.expires + KEPT_SECONDS, due, batch.version)


def batch_of_row(row: Row) -> Batch:
    """Return the batch in a row. Raises KeyError or ValueError for a row of another form."""
    values: dict[str, Any] = dict(row.values)
    errors = orjson.loads(values.pop("errors", "[]"))
    metadata = orjson.loads(values.pop("metadata", "{}"))
    return Batch(
        id=row.id,
        scope=row.scope,
        version=row.version,
        expires=values.pop("window_ends"),
        metadata=metadata,
        errors=tuple(LineError(*error) for error in errors),
        **{"head": "", "input_bytes": 0, **values},
    )
