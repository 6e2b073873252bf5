"""Tenants in a folder that the worker processes of one machine share: an SQLite database, and one for the secrets."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from retouch.core.write_conflict import WriteConflict
from retouch.infrastructure.local.sqlite_file import SqliteFile
from retouch.tenants.table import RowWrite, TenantRow, TenantsUnavailable

_SCHEMA = """
CREATE TABLE IF NOT EXISTS rows (
    partition TEXT, name TEXT, version TEXT, expires INTEGER, record TEXT, PRIMARY KEY (partition, name)
);
"""
_SECRETS_SCHEMA = """
CREATE TABLE IF NOT EXISTS secrets (workspace_id TEXT, slug TEXT, secret TEXT, PRIMARY KEY (workspace_id, slug));
"""
_SELECT = "SELECT partition, name, record, expires, version FROM rows WHERE partition = ?"
_INSERT = (
    "INSERT OR IGNORE INTO rows (version, expires, record, partition, name) VALUES (?, ?, ?, ?, ?)"
)
_UPDATE = "UPDATE rows SET version = ?, expires = ?, record = ? WHERE partition = ? AND name = ? AND version = ?"
_DELETE = "DELETE FROM rows WHERE partition = ? AND name = ? AND version = ?"


class TenantFolderTable:
    """The rows of all processes that use the folder."""

    def __init__(self, folder: str) -> None:
        self._database = SqliteFile(Path(folder) / "tenants.sqlite", _SCHEMA, _unavailable_error)

    def read(self, partition: str, name: str) -> TenantRow | None:
        """Return the row as it was last written, or None."""
        rows = self._select(f"{_SELECT} AND name = ?", (partition, name))
        return rows[0] if rows else None

    def list(self, partition: str) -> Sequence[TenantRow]:
        """Return the rows of a partition by name."""
        return self._select(f"{_SELECT} ORDER BY name", (partition,))

    def write(self, writes: Sequence[RowWrite]) -> None:
        """Make all writes or none. Raises WriteConflict."""

        def write_all(database: sqlite3.Connection) -> None:
            for write in writes:
                if not database.execute(*_statement(write)).rowcount:
                    raise WriteConflict

        self._database.run(write_all)

    def _select(self, query: str, parameters: tuple[str, ...]) -> Sequence[TenantRow]:
        rows = self._database.run(lambda db: db.execute(query, parameters).fetchall())
        return [
            TenantRow(partition, name, orjson.loads(text), expires, version)
            for partition, name, text, expires, version in rows
        ]


class SecretFolder:
    """The providers' keys of virtual keys in a file that only its owner can read."""

    def __init__(self, folder: str) -> None:
        self._database = SqliteFile(
            Path(folder) / "secrets.sqlite", _SECRETS_SCHEMA, _unavailable_error
        )

    def put(self, workspace_id: str, slug: str, secret: str) -> None:
        """Store or replace a key."""
        self._protect_file()
        values = workspace_id, slug, secret
        statement = "INSERT OR REPLACE INTO secrets VALUES (?, ?, ?)"
        self._database.run(lambda db: db.execute(statement, values))

    def get(self, workspace_id: str, slug: str) -> str | None:
        """Return a key, or None."""
        query = "SELECT secret FROM secrets WHERE workspace_id = ? AND slug = ?"
        row = self._database.run(lambda db: db.execute(query, (workspace_id, slug)).fetchone())
        return row[0] if row else None

    def delete(self, workspace_id: str, slug: str) -> None:
        """Delete a key if there is one."""
        statement = "DELETE FROM secrets WHERE workspace_id = ? AND slug = ?"
        self._database.run(lambda db: db.execute(statement, (workspace_id, slug)))

    def _protect_file(self) -> None:
        try:
            self._database.path.touch(mode=0o600)
        except OSError as error:
            raise _unavailable_error() from error


def _statement(write: RowWrite) -> tuple[str, tuple[Any, ...]]:
    row, place = write.row, (write.row.partition, write.row.name)
    if write.is_deletion:
        return _DELETE, (*place, write.replaces.version if write.replaces else "")
    values = (secrets.token_hex(8), row.expires, orjson.dumps(row.record).decode(), *place)
    return (_UPDATE, (*values, write.replaces.version)) if write.replaces else (_INSERT, values)


def _unavailable_error() -> TenantsUnavailable:
    return TenantsUnavailable("The folder of tenants cannot be used. Send the request again.")
