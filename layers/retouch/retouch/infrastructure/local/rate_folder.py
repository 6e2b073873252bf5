"""The counts of rate limits in an SQLite database that the worker processes of one machine share."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from retouch.core.errors import BudgetUnavailable
from retouch.infrastructure.local.sqlite_file import SqliteFile
from retouch.tenants.rates import RateWindow

_SCHEMA = """
CREATE TABLE IF NOT EXISTS rates (account TEXT, window TEXT, n INTEGER, expires INTEGER, PRIMARY KEY (account, window));
"""
_INSERT = "INSERT OR IGNORE INTO rates VALUES (?, ?, 0, ?)"
_ADD = "UPDATE rates SET n = n + ? WHERE account = ? AND window = ? AND n < ? RETURNING n"
_SELECT = "SELECT n FROM rates WHERE account = ? AND window = ?"
_DELETE_OLD = "DELETE FROM rates WHERE expires < ?"
_ANY_COUNT = 2**62


class RateFolderTable:
    """The counts of all processes that use the folder."""

    def __init__(self, folder: str) -> None:
        self._database = SqliteFile(Path(folder) / "rates.sqlite", _SCHEMA, _unavailable_error)

    def count(self, window: RateWindow, amount: int) -> int | None:
        """Add to a window, and return its count. None: the window is full, and nothing was added."""
        return self._database.run(lambda db: _add(db, window, amount, window.limit.value))

    def add(self, window: RateWindow, amount: int) -> None:
        """Add to a window, also above its limit."""
        self._database.run(lambda db: _add(db, window, amount, _ANY_COUNT))

    def read(self, window: RateWindow) -> int:
        """Return the count of a window."""
        row = self._database.run(
            lambda db: db.execute(_SELECT, (window.account, window.name)).fetchone()
        )
        return int(row[0]) if row else 0


def _add(db: sqlite3.Connection, window: RateWindow, amount: int, limit: int) -> int | None:
    inserted = db.execute(_INSERT, (window.account, window.name, window.expires)).rowcount
    if inserted:
        db.execute(_DELETE_OLD, (window.start,))
    row = db.execute(_ADD, (amount, window.account, window.name, limit)).fetchone()
    return int(row[0]) if row else None


def _unavailable_error() -> BudgetUnavailable:
    return BudgetUnavailable(
        "The rate limits cannot be used, so nothing was bought. Send the request again.",
        retry_after=2,
    )
