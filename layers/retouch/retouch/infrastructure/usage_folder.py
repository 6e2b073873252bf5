"""Usage in a folder that the worker processes of one machine share: an SQLite database."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from sys import maxsize

from retouch.core.errors import UsageUnavailable
from retouch.infrastructure.sqlite_file import Result, SqliteFile
from retouch.usage.event import UsageEvent, decode_event, encode_event

_SCHEMA = """
PRAGMA journal_mode = WAL;
CREATE TABLE IF NOT EXISTS usage_events (
    workspace TEXT, time INTEGER, id TEXT, trace TEXT, record TEXT, PRIMARY KEY (workspace, id)
);
CREATE INDEX IF NOT EXISTS usage_times ON usage_events (workspace, time);
CREATE INDEX IF NOT EXISTS usage_traces ON usage_events (trace);
CREATE TABLE IF NOT EXISTS usage_rollups (workspace TEXT, day TEXT, data BLOB, PRIMARY KEY (workspace, day));
"""
_INSERT = "INSERT OR IGNORE INTO usage_events VALUES (?, ?, ?, ?, ?)"
_SELECT = (
    "SELECT record FROM usage_events WHERE workspace = ? AND time >= ? AND time < ? ORDER BY id"
)


class UsageFolder:
    """The usage of all processes that use the folder. Nothing deletes it."""

    kept_seconds = maxsize

    def __init__(self, folder: str) -> None:
        self._database = SqliteFile(Path(folder) / "usage.sqlite", _SCHEMA)

    def write_event(self, event: UsageEvent) -> bool:
        """Store an event unless one with its id is there. Return whether it was stored by this call."""
        row = event.workspace, event.time, event.id, event.trace, encode_event(event)
        return self._run(lambda db: db.execute(_INSERT, row).rowcount) == 1

    def read_events(self, workspace: str, start: int, end: int) -> Iterator[UsageEvent]:
        """Yield the events of a workspace in [start, end), the earliest first."""
        rows = self._run(lambda db: db.execute(_SELECT, (workspace, start, end)).fetchall())
        return (decode_event(text) for (text,) in rows)

    def find_by_trace(self, trace: str) -> Sequence[UsageEvent]:
        """Return the events with that trace id, of every workspace."""
        query = "SELECT record FROM usage_events WHERE trace = ? ORDER BY id"
        rows = self._run(lambda db: db.execute(query, (trace,)).fetchall())
        return [decode_event(text) for (text,) in rows]

    def read_rollup(self, workspace: str, day: str) -> bytes | None:
        """Return the rollup of a day, or None."""
        query = "SELECT data FROM usage_rollups WHERE workspace = ? AND day = ?"
        row = self._run(lambda db: db.execute(query, (workspace, day)).fetchone())
        return row[0] if row else None

    def write_rollup(self, workspace: str, day: str, data: bytes) -> None:
        """Store the rollup of a day, unless there is one."""
        statement = "INSERT OR IGNORE INTO usage_rollups VALUES (?, ?, ?)"
        self._run(lambda db: db.execute(statement, (workspace, day, data)).rowcount)

    def _run(self, operation: Callable[[sqlite3.Connection], Result]) -> Result:
        try:
            return self._database.run(operation)
        except sqlite3.Error as error:
            raise UsageUnavailable(
                f"The usage in {self._database.path.name} cannot be used.", retry_after=2
            ) from error
