"""An SQLite database in a file that the worker processes of one machine share."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

Result = TypeVar("Result")
_LOCK_TIMEOUT_SECONDS = 5


class SqliteFile:
    """A database with a schema. Each operation opens it, so threads share nothing."""

    def __init__(self, path: Path, schema: str) -> None:
        """`schema` is a script that creates what does not exist yet."""
        self.path, self._schema = path, schema
        self._is_created = False

    def run(self, operation: Callable[[sqlite3.Connection], Result]) -> Result:
        """Return the result of an operation, which is one transaction. Raises sqlite3.Error."""
        with closing(sqlite3.connect(self.path, timeout=_LOCK_TIMEOUT_SECONDS)) as db, db:
            if not self._is_created:
                db.executescript(self._schema)
                self._is_created = True
            return operation(db)
