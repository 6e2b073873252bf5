"""Webhook endpoints and deliveries in the folder that the worker processes of one machine share."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from retouch.core.errors import OrdersUnavailable, WebhooksUnavailable
from retouch.infrastructure.job_folder import EditsFolderQueue
from retouch.infrastructure.sqlite_file import Result, SqliteFile
from retouch.webhooks.messages import delivery_message
from retouch.webhooks.services import Row, RowConflict

DELIVERIES_QUEUE = "deliveries"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS webhooks (
    scope TEXT, id TEXT, record TEXT, expires INTEGER, version TEXT, PRIMARY KEY (scope, id)
);
"""
_COLUMNS = "scope, id, record, expires, version"
_SELECT = f"SELECT {_COLUMNS} FROM webhooks WHERE scope = ?"  # noqa: S608 - no value is inserted
_READ = f"{_SELECT} AND id = ?"
_LIST = f"{_SELECT} AND id >= ? AND id < ? ORDER BY id DESC LIMIT ?"
_INSERT = (
    "INSERT OR IGNORE INTO webhooks (record, expires, version, scope, id) VALUES (?, ?, ?, ?, ?)"
)
_UPDATE = "UPDATE webhooks SET record = ?, expires = ?, version = ? WHERE scope = ? AND id = ? AND version = ?"
_DELETE = "DELETE FROM webhooks WHERE scope = ? AND id = ?"
_LAST = "\x7f"  # sorts after every character of an id


class WebhookFolderTable:
    """The rows of all processes that use the folder."""

    def __init__(self, folder: str) -> None:
        self._database = SqliteFile(Path(folder) / "webhooks.sqlite", _SCHEMA)

    def read(self, scope: str, identifier: str) -> Row | None:
        """Return the row as it was last written, or None."""
        row = self._run(lambda db: db.execute(_READ, (scope, identifier)).fetchone())
        return Row(*row) if row else None

    def write(self, row: Row, replaces: Row | None) -> Row:
        """Write a row if `replaces` is still stored. Raises RowConflict."""
        new = replace(row, version=secrets.token_hex(8))
        values = (new.text, new.expires, new.version, new.scope, new.id)
        statement, parameters = (
            (_UPDATE, (*values, replaces.version)) if replaces else (_INSERT, values)
        )
        if not self._run(lambda db: db.execute(statement, parameters).rowcount):
            raise RowConflict(self.read(row.scope, row.id))
        return new

    def delete(self, scope: str, identifier: str) -> None:
        """Remove a row, if there is one."""
        self._run(lambda db: db.execute(_DELETE, (scope, identifier)))

    def list(self, scope: str, prefix: str, before: str, limit: int) -> Sequence[Row]:
        """Return rows of a scope whose id has this prefix, the last id first. With `before`, only lower ids."""
        values = (scope, prefix, before or prefix + _LAST, limit)
        return [Row(*row) for row in self._run(lambda db: db.execute(_LIST, values).fetchall())]

    def _run(self, operation: Callable[[sqlite3.Connection], Result]) -> Result:
        try:
            return self._database.run(operation)
        except sqlite3.Error as error:
            raise WebhooksUnavailable(
                "The table of webhooks cannot be used. Send the request again.", retry_after=2
            ) from error


class DeliveryFolderQueue:
    """The queue of deliveries of all processes that use the folder."""

    def __init__(self, folder: str) -> None:
        self._queue = EditsFolderQueue(folder, DELIVERIES_QUEUE)

    def send(self, scope: str, delivery_id: str) -> None:
        """Send a delivery to the senders."""
        try:
            self._queue.send(delivery_message(scope, delivery_id))
        except OrdersUnavailable as error:
            raise WebhooksUnavailable(
                "The queue of webhooks cannot be used. Send the request again.", retry_after=2
            ) from error

    def delay(self, receipt: str, seconds: int) -> None:
        """Deliver a received message again after this time."""
        self._queue.delay(receipt, seconds)
