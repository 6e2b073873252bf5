"""The queue of edits and their requests in the folder that the worker processes of one machine share."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from retouch.core.errors import OrdersUnavailable
from retouch.infrastructure.aws.edits_queue import message_body
from retouch.infrastructure.local.sqlite_file import SqliteFile
from retouch.infrastructure.local.whole_file import write_file
from retouch.orders.jobs import QueuedMessage

_log = logging.getLogger("retouch")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS messages
    (id TEXT PRIMARY KEY, body TEXT, sent_at REAL, visible_at REAL, receives INTEGER);
"""
_RECEIVE = """
UPDATE messages SET visible_at = ?, receives = receives + 1
WHERE id = (SELECT id FROM messages WHERE visible_at <= ? ORDER BY rowid LIMIT 1) RETURNING id, body, receives, sent_at
"""


class FolderMessage(NamedTuple):
    """A received message."""

    id: str
    body: str
    receives: int
    sent_at: float  # Unix seconds


class EditsFolderQueue:
    """A queue with the visibility timeouts of SQS. The id of a message is also its receipt."""

    def __init__(self, folder: str, name: str = "jobs") -> None:
        self._database = SqliteFile(Path(folder) / f"{name}.sqlite", _SCHEMA, _unavailable_error)

    def send(self, message: QueuedMessage, delay_seconds: int = 0) -> None:
        """Send a message to the workers, to be delivered after a delay."""
        now = time.time()
        values = (secrets.token_hex(16), message_body(message), now, now + delay_seconds)
        self._database.run(
            lambda db: db.execute("INSERT INTO messages VALUES (?, ?, ?, ?, 0)", values)
        )

    def send_all(self, messages: Sequence[QueuedMessage]) -> None:
        """Send messages to the workers."""
        for message in messages:
            self.send(message)

    def delay(self, receipt: str, seconds: int) -> None:
        """Deliver a received message again after this time."""
        values = (time.time() + seconds, receipt)
        try:
            self._database.run(
                lambda db: db.execute("UPDATE messages SET visible_at = ? WHERE id = ?", values)
            )
        except OrdersUnavailable as error:
            _log.warning("a message's visibility timeout was not changed", exc_info=error)

    def receive(self, visibility_seconds: float) -> FolderMessage | None:
        """Return a visible message and hide it for this time, or None."""
        now = time.time()
        values = (now + visibility_seconds, now)
        row = self._database.run(lambda db: db.execute(_RECEIVE, values).fetchone())
        return FolderMessage(*row) if row else None

    def delete(self, receipt: str) -> None:
        """Delete a received message."""
        self._database.run(lambda db: db.execute("DELETE FROM messages WHERE id = ?", (receipt,)))


class RequestFolder:
    """The requests of jobs as files."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)

    def put(self, order_id: str, data: bytes) -> None:
        """Store the request of an order. The file appears as a whole."""
        try:
            write_file(self._file(order_id), data)
        except OSError as error:
            raise OrdersUnavailable("The requests of jobs cannot be used.") from error

    def get(self, order_id: str) -> bytes | None:
        """Return the request of an order, or None."""
        try:
            return self._file(order_id).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise OrdersUnavailable("The requests of jobs cannot be used.") from error

    def delete(self, order_id: str) -> None:
        """Delete the request of an order, if there is one."""
        try:
            self._file(order_id).unlink(missing_ok=True)
        except OSError as error:
            raise OrdersUnavailable("The requests of jobs cannot be used.") from error

    def _file(self, order_id: str) -> Path:
        return self._folder / f"{order_id}.request"


def _unavailable_error() -> OrdersUnavailable:
    return OrdersUnavailable("The queue of edits cannot be used.", retry_after=2)
