"""Rows in an SQLite database in a folder that the worker processes of one machine share."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from retouch.core.errors import Fault
from retouch.core.rows import Row, RowConflict
from retouch.infrastructure.local.sqlite_file import SqliteFile

_SCHEMA = """
CREATE TABLE IF NOT EXISTS rows (
    scope TEXT, id TEXT, content TEXT, expires INTEGER, due INTEGER, version TEXT, PRIMARY KEY (scope, id)
);
"""
_READ = "SELECT * FROM rows WHERE scope = ? AND id = ?"
_INSERT = "INSERT OR IGNORE INTO rows VALUES (?, ?, ?, ?, ?, ?)"
_UPDATE = """
UPDATE rows SET scope = ?, id = ?, content = ?, expires = ?, due = ?, version = ?
WHERE scope = ? AND id = ? AND version = ?
"""
_DELETE = "DELETE FROM rows WHERE scope = ? AND id = ?"
_LIST_ASCENDING = "SELECT * FROM rows WHERE scope = ? AND id GLOB ? AND id > ? ORDER BY id LIMIT ?"
_LIST_DESCENDING = (
    "SELECT * FROM rows WHERE scope = ? AND id GLOB ? AND id < ? ORDER BY id DESC LIMIT ?"
)
_LIST_DUE = "SELECT * FROM rows WHERE due > 0 AND due < ?"
_AFTER_ALL_IDS = "~"


class RowFolderTable:
    """The rows of all processes that use the file."""

    def __init__(self, path: Path, unavailable_error: Callable[[], Fault]) -> None:
        self._database = SqliteFile(path, _SCHEMA, unavailable_error)

    def read(self, scope: str, identifier: str) -> Row | None:
        """Return the row as it was last written, or None."""
        return next(iter(self._select(_READ, scope, identifier)), None)

    def write(self, row: Row, replaces: Row | None) -> Row:
        """Write a row if `replaces` is still stored. Raises RowConflict."""
        new = replace(row, version=secrets.token_hex(8))
        content = orjson.dumps(dict(new.values)).decode()
        values = (new.scope, new.id, content, new.expires, new.due, new.version)
        statement, parameters = (
            (_UPDATE, (*values, new.scope, new.id, replaces.version))
            if replaces
            else (_INSERT, values)
        )
        if not self._database.run(lambda db: db.execute(statement, parameters).rowcount):
            raise RowConflict(self.read(row.scope, row.id))
        return new

    def delete(self, scope: str, identifier: str) -> None:
        """Delete a row, if there is one."""
        self._database.run(lambda db: db.execute(_DELETE, (scope, identifier)).rowcount)

    def list_rows(
        self, scope: str, prefix: str, after: str, limit: int, *, is_ascending: bool
    ) -> Sequence[Row]:
        """Return the rows of a scope whose ids have the prefix, in the order of their ids, after the id `after`."""
        if is_ascending:
            return self._select(_LIST_ASCENDING, scope, f"{prefix}*", after, limit)
        return self._select(_LIST_DESCENDING, scope, f"{prefix}*", after or _AFTER_ALL_IDS, limit)

    def list_due(self, before: int) -> Sequence[Row]:
        """Return the rows whose next step was due before that Unix time."""
        return self._select(_LIST_DUE, before)

    def _select(self, query: str, *parameters: str | int) -> list[Row]:
        rows = self._database.run(lambda db: db.execute(query, parameters).fetchall())
        return [_row(*row) for row in rows]


def _row(scope: str, identifier: str, content: str, expires: int, due: int, version: str) -> Row:
    values: dict[str, Any] = orjson.loads(content)
    return Row(scope, identifier, values, expires, due, version)
