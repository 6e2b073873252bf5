"""An SQLite database in a file that the worker processes of one machine share."""

from __future__ import annotations

import fcntl
import logging
import sqlite3
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from retouch.core.errors import Fault

Result = TypeVar("Result")
_log = logging.getLogger("retouch")
_LOCK_TIMEOUT_SECONDS = 5
_WRITE_AHEAD_LOG = "PRAGMA journal_mode = WAL;"


class SqliteFile:
    """A database with a schema. Each operation has a connection to itself, which a later one uses again.

    To open a connection for each operation takes longer than a small edit, because the last one that is closed also
    empties the write-ahead log. The connections are closed with the store that owns this object, or at the end of the
    process.
    """

    def __init__(self, path: Path, schema: str, unavailable_error: Callable[[], Fault]) -> None:
        """`schema` is a script that creates what does not exist yet."""
        self.path, self._schema, self._unavailable_error = path, schema, unavailable_error
        self._is_created = False
        self._idle: list[sqlite3.Connection] = []  # append and pop are atomic
        weakref.finalize(self, _close_all, self._idle)

    def run(self, operation: Callable[[sqlite3.Connection], Result]) -> Result:
        """Return the result of an operation, which is one transaction. Raises the error of the store."""
        try:
            db = self._take_connection()
            try:
                with db:
                    if not self._is_created:
                        self._create(db)
                    result = operation(db)
            except BaseException:
                db.close()
                raise
        except (sqlite3.Error, OSError) as error:
            _log.error(
                "a local database cannot be used", extra={"file": str(self.path)}, exc_info=error
            )
            raise self._unavailable_error() from error
        self._idle.append(db)
        return result

    def _take_connection(self) -> sqlite3.Connection:
        try:
            return self._idle.pop()
        except IndexError:
            return sqlite3.connect(
                self.path, timeout=_LOCK_TIMEOUT_SECONDS, check_same_thread=False
            )

    def _create(self, db: sqlite3.Connection) -> None:
        # SQLite does not wait for the lock when two connections change the journal mode.
        # Threads and processes therefore create the database one after another.
        with self.path.with_name(f"{self.path.name}.lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            db.executescript(_WRITE_AHEAD_LOG + self._schema)
            self._is_created = True


def _close_all(connections: list[sqlite3.Connection]) -> None:
    for connection in connections:
        connection.close()
