"""Usage in a folder that the worker processes of one machine share: an SQLite database."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from sys import maxsize

import orjson

from retouch.core.errors import UsageUnavailable
from retouch.infrastructure.local.sqlite_file import SqliteFile
from retouch.usage.documents import Document
from retouch.usage.event import UsageEvent, decode_event, encode_event

_SCHEMA = """
CREATE TABLE IF NOT EXISTS usage_events (
    workspace TEXT, time INTEGER, id TEXT, trace TEXT, record TEXT, PRIMARY KEY (workspace, id)
);
CREATE INDEX IF NOT EXISTS usage_times ON usage_events (workspace, time);
CREATE INDEX IF NOT EXISTS usage_traces ON usage_events (trace);
CREATE TABLE IF NOT EXISTS usage_rollups (workspace TEXT, day TEXT, data BLOB, PRIMARY KEY (workspace, day));
CREATE TABLE IF NOT EXISTS usage_documents (
    family TEXT, id TEXT, version TEXT, doc TEXT, PRIMARY KEY (family, id)
);
"""
_INSERT = "INSERT OR IGNORE INTO usage_events VALUES (?, ?, ?, ?, ?)"
_SELECT = (
    "SELECT record FROM usage_events WHERE workspace = ? AND time >= ? AND time < ? ORDER BY id"
)
_INSERT_DOCUMENT = (
    "INSERT OR IGNORE INTO usage_documents (version, doc, family, id) VALUES (?, ?, ?, ?)"
)
_UPDATE_DOCUMENT = (
    "UPDATE usage_documents SET version = ?, doc = ? WHERE family = ? AND id = ? AND version = ?"
)
_SELECT_DOCUMENTS = "SELECT id, doc, version FROM usage_documents WHERE family = ?"


class UsageFolder:
    """The usage of all processes that use the folder. Nothing deletes it."""

    retention_seconds = maxsize

    def __init__(self, folder: str) -> None:
        self._database = _usage_database(folder)

    def write_event(self, event: UsageEvent) -> bool:
        """Store an event unless one with its id is there. Return whether it was stored by this call."""
        row = event.workspace, event.time, event.id, event.trace, encode_event(event)
        return self._database.run(lambda db: db.execute(_INSERT, row).rowcount) == 1

    def read_events(self, workspace: str, start: int, end: int) -> Iterator[UsageEvent]:
        """Yield the events of a workspace in [start, end), the earliest first."""
        rows = self._database.run(
            lambda db: db.execute(_SELECT, (workspace, start, end)).fetchall()
        )
        return (decode_event(text) for (text,) in rows)

    def find_by_trace(self, trace: str) -> Sequence[UsageEvent]:
        """Return the events with that trace id, of every workspace."""
        query = "SELECT record FROM usage_events WHERE trace = ? ORDER BY id"
        rows = self._database.run(lambda db: db.execute(query, (trace,)).fetchall())
        return [decode_event(text) for (text,) in rows]

    def read_rollup(self, workspace: str, day: str) -> bytes | None:
        """Return the rollup of a day, or None."""
        query = "SELECT data FROM usage_rollups WHERE workspace = ? AND day = ?"
        row = self._database.run(lambda db: db.execute(query, (workspace, day)).fetchone())
        return row[0] if row else None

    def write_rollup(self, workspace: str, day: str, data: bytes) -> None:
        """Store the rollup of a day, unless there is one."""
        statement = "INSERT OR IGNORE INTO usage_rollups VALUES (?, ?, ?)"
        self._database.run(lambda db: db.execute(statement, (workspace, day, data)).rowcount)

    def note_workspace(self, workspace: str, month: str) -> None:
        """Do nothing: the events say it."""

    def list_workspaces(self, month: str) -> Sequence[str]:
        """Return the workspaces with events in a month."""
        query = "SELECT DISTINCT workspace FROM usage_events WHERE id LIKE ? ORDER BY workspace"
        rows = self._database.run(lambda db: db.execute(query, (f"{month}-%",)).fetchall())
        return [workspace for (workspace,) in rows]


class UsageDocumentFolder:
    """Feedback and exports in the same database."""

    def __init__(self, folder: str) -> None:
        self._database = _usage_database(folder)

    def write(self, document: Document) -> Document | None:
        """Write a document if its version is still stored. Return it with its new version, or None."""
        new = replace(document, version=secrets.token_hex(8))
        row = new.version, orjson.dumps(new.values).decode(), new.group, new.id
        statement, parameters = (
            (_UPDATE_DOCUMENT, (*row, document.version))
            if document.version
            else (_INSERT_DOCUMENT, row)
        )
        is_written = self._database.run(lambda db: db.execute(statement, parameters).rowcount)
        return new if is_written else None

    def read(self, group: str, identifier: str) -> Document | None:
        """Return a document, or None."""
        query = f"{_SELECT_DOCUMENTS} AND id = ?"
        row = self._database.run(lambda db: db.execute(query, (group, identifier)).fetchone())
        return _document(group, row) if row else None

    def read_group(self, group: str) -> Sequence[Document]:
        """Return all documents of a group, by their ids."""
        query = f"{_SELECT_DOCUMENTS} ORDER BY id"
        rows = self._database.run(lambda db: db.execute(query, (group,)).fetchall())
        return [_document(group, row) for row in rows]


def _document(group: str, row: tuple[str, str, str]) -> Document:
    identifier, text, version = row
    return Document(group, identifier, orjson.loads(text), version)


def _usage_database(folder: str) -> SqliteFile:
    path = Path(folder) / "usage.sqlite"

    def unavailable_error() -> UsageUnavailable:
        return UsageUnavailable(f"The usage in {path.name} cannot be used.", retry_after=2)

    return SqliteFile(path, _SCHEMA, unavailable_error)
