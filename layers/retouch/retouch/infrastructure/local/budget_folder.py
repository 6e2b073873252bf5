"""Budgets in an SQLite database in a folder that the worker processes of one machine share."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import orjson

from retouch.core.errors import BudgetUnavailable
from retouch.infrastructure.local.sqlite_file import Result, SqliteFile
from retouch.tenants.budget_rows import (
    BudgetRow,
    RowHold,
    RowLimit,
    WaitingAmount,
    add_hold,
    add_waiting,
    check_hold,
    check_waiting,
    remove_waiting,
    restore_hold,
    return_hold,
    settle_hold,
)
from retouch.tenants.budget_table import HoldResult, RowName

_SCHEMA = """
CREATE TABLE IF NOT EXISTS budgets (account TEXT, period TEXT, record TEXT, PRIMARY KEY (account, period));
"""
_SELECT = "SELECT record FROM budgets WHERE account = ? AND period = ?"
_REPLACE = "INSERT OR REPLACE INTO budgets VALUES (?, ?, ?)"


class BudgetFolderTable:
    """The budgets of all processes that use the folder."""

    def __init__(self, folder: str) -> None:
        self._database = SqliteFile(Path(folder) / "budgets.sqlite", _SCHEMA, _unavailable_error)

    def hold(
        self,
        row: RowName,
        name: str,
        hold: RowHold,
        limit: RowLimit,
        waiting: WaitingAmount | None = None,
    ) -> HoldResult:
        """Hold an amount if there is room. It takes over the room of the waiting amount, if that is there."""

        def change(stored: BudgetRow) -> tuple[BudgetRow | None, HoldResult]:
            without = remove_waiting(stored, waiting.name) if waiting else None
            before = without or stored
            outcome = check_hold(before, name, hold, limit)
            if outcome != "held":
                return None, HoldResult(outcome, stored)
            held = add_hold(before, name, hold)
            is_missing = waiting is not None and without is None and name not in stored.holds
            return held, HoldResult(outcome, held, is_missing)

        return self._change(row, change)

    def add_waiting(self, row: RowName, new: WaitingAmount, most: int) -> HoldResult:
        """Add the amount of a waiting job, if not more than `most` is taken then."""

        def change(stored: BudgetRow) -> tuple[BudgetRow | None, HoldResult]:
            outcome = check_waiting(stored, new, most)
            if outcome != "held":
                return None, HoldResult(outcome, stored)
            added = add_waiting(stored, new)
            return added, HoldResult(outcome, added)

        return self._change(row, change)

    def remove_waiting(self, row: RowName, waiting: WaitingAmount) -> bool:
        """Remove a waiting amount. Return False when it is not there."""

        def change(stored: BudgetRow) -> tuple[BudgetRow | None, bool]:
            removed = remove_waiting(stored, waiting.name)
            return removed, removed is not None

        return self._change(row, change)

    def return_hold(self, row: RowName, waiting: WaitingAmount) -> bool:
        """Turn the hold of that name into the waiting amount. Return False when there is neither."""

        def change(stored: BudgetRow) -> tuple[BudgetRow | None, bool]:
            returned = return_hold(stored, waiting.name)
            return returned, returned is not None or waiting.name in stored.waiting

        return self._change(row, change)

    def settle(
        self, row: RowName, name: str, amount: int, actual: int, at_risk: int
    ) -> BudgetRow | None:
        """Turn a hold of `amount` into `actual`. Return the row, or None when the hold was settled before."""

        def change(stored: BudgetRow) -> tuple[BudgetRow | None, BudgetRow | None]:
            held = stored.holds.get(name)
            assert held is None or held.amount == amount, "a hold keeps its amount"
            settled = settle_hold(stored, name, actual, at_risk)
            return settled, settled

        return self._change(row, change)

    def restore(self, row: RowName, name: str, hold: RowHold) -> None:
        """Turn an amount that was settled at risk back into a hold. Does nothing when it is there, or was restored."""
        self._change(row, lambda stored: (restore_hold(stored, name, hold), None))

    def read(self, row: RowName) -> BudgetRow:
        """Return the row as it was last written. A row that does not exist is empty."""
        return self._database.run(lambda db: _read(db, row))

    def mark_alerted(self, row: RowName) -> bool:
        """Store that the threshold of the row was reported. Return False when it had been reported before."""

        def change(stored: BudgetRow) -> tuple[BudgetRow | None, bool]:
            if stored.is_alerted:
                return None, False
            return replace(stored, is_alerted=True), True

        return self._change(row, change)

    def _change(
        self, row: RowName, change: Callable[[BudgetRow], tuple[BudgetRow | None, Result]]
    ) -> Result:
        """Write what `change` returns for the stored row, unless it is None, and return the rest."""

        def replace_row(db: sqlite3.Connection) -> Result:
            db.execute("BEGIN IMMEDIATE")  # no other process writes between the read and the write
            changed, result = change(_read(db, row))
            if changed is not None:
                text = orjson.dumps(asdict(changed)).decode()
                db.execute(_REPLACE, (row.account, row.period, text))
            return result

        return self._database.run(replace_row)


def _read(db: sqlite3.Connection, row: RowName) -> BudgetRow:
    found = db.execute(_SELECT, (row.account, row.period)).fetchone()
    if not found:
        return BudgetRow()
    values: dict[str, Any] = orjson.loads(found[0])
    holds = {name: RowHold(**hold) for name, hold in values.pop("holds").items()}
    return BudgetRow(**values, holds=holds)


def _unavailable_error() -> BudgetUnavailable:
    return BudgetUnavailable(
        "The budgets cannot be used, so nothing was bought. Send the request again.",
        retry_after=2,
    )
