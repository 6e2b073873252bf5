"""Orders in a folder that the worker processes of one machine share: an SQLite database, and a file for each answer."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from retouch.core.errors import OrdersUnavailable
from retouch.infrastructure.local.sqlite_file import SqliteFile
from retouch.infrastructure.local.whole_file import write_file_once
from retouch.orders.answer_format import decode_answer, encode_answer
from retouch.orders.order import Order, StoredAnswer
from retouch.orders.record import from_record, to_record
from retouch.orders.stores import OrderConflict

_SCHEMA = """
CREATE TABLE IF NOT EXISTS orders (key TEXT PRIMARY KEY, version TEXT, lease INTEGER, is_listed INTEGER, record TEXT);
CREATE TABLE IF NOT EXISTS recent_orders (
    fingerprint TEXT, key TEXT, expires INTEGER, retry INTEGER, PRIMARY KEY (fingerprint, key)
);
CREATE INDEX IF NOT EXISTS orders_by_batch ON orders (json_extract(record, '$.batch'));
"""
_COUNT_BATCH = "SELECT record FROM orders WHERE json_extract(record, '$.batch') = ?"
_INSERT = (
    "INSERT OR IGNORE INTO orders (version, lease, is_listed, record, key) VALUES (?, ?, ?, ?, ?)"
)
_INSERT_RECENT = "INSERT OR IGNORE INTO recent_orders VALUES (?, ?, ?, ?)"
_JOIN_RECENT = "UPDATE recent_orders SET retry = ? WHERE fingerprint = ? AND key = ? AND retry < ?"
_UPDATE = "UPDATE orders SET version = ?, lease = ?, is_listed = ?, record = ? WHERE key = ? AND version = ?"

_DELETE = "DELETE FROM orders WHERE key = ? AND version = ?"
_LIST_JOBS = """
SELECT record FROM orders WHERE json_extract(record, '$.scope') = ? AND json_extract(record, '$.begin_by') > 0
AND json_extract(record, '$.source') <> 'batch' AND json_extract(record, '$.id') < ?
ORDER BY json_extract(record, '$.id') DESC LIMIT ?
"""


class OrderFolderTable:
    """The orders of all processes that use the folder. Each method opens the database, so threads share nothing."""

    def __init__(self, folder: str) -> None:
        path = Path(folder) / "orders.sqlite"
        self._database = SqliteFile(path, _SCHEMA, lambda: _unavailable_error(path))

    def read(self, key: str) -> Order | None:
        """Return the order as it was last written, or None."""
        rows = self._database.run(
            lambda db: db.execute("SELECT record FROM orders WHERE key = ?", (key,)).fetchall()
        )
        return _read_record(rows[0][0]) if rows else None

    def write(self, order: Order, replaces: Order | None) -> Order:
        """Write an order if `replaces` is still stored. Raises OrderConflict."""
        new = replace(order, version=secrets.token_hex(8))
        values = (new.version, new.lease, new.is_listed, _record_text(new), new.key)
        statement, parameters = (
            (_UPDATE, (*values, replaces.version)) if replaces else (_INSERT, values)
        )
        if not self._database.run(lambda db: db.execute(statement, parameters).rowcount):
            raise OrderConflict(self.read(order.key))
        return new

    def list_abandoned(self, now: int) -> Sequence[Order]:
        """Return the listed orders whose lease is over."""
        query = "SELECT record FROM orders WHERE is_listed AND lease < ?"
        rows = self._database.run(lambda db: db.execute(query, (now,)).fetchall())
        return [_read_record(text) for (text,) in rows]

    def list_jobs(self, scope: str, before: str, limit: int) -> Sequence[Order]:
        """Return the newest jobs of a scope whose order's id is before this one."""
        values = (scope, before or "~", limit)
        rows = self._database.run(lambda db: db.execute(_LIST_JOBS, values).fetchall())
        return [_read_record(text) for (text,) in rows]

    def remove(self, order: Order) -> None:
        """Remove an order that is stored as it is here. Raises OrderConflict."""
        values = order.key, order.version
        if not self._database.run(lambda db: db.execute(_DELETE, values).rowcount):
            stored = self.read(order.key)
            if stored:
                raise OrderConflict(stored)

    def count_batch(self, batch: str) -> Mapping[str, int]:
        """Return the number of ended jobs of a batch by their end."""
        rows = self._database.run(lambda db: db.execute(_COUNT_BATCH, (batch,)).fetchall())
        ends = Counter(_read_record(text).batch_end for (text,) in rows)
        return {end: count for end, count in ends.items() if end}

    def add_recent(self, fingerprint: str, key: str, expires: int, retry: int) -> None:
        """Remember the key of an order under a fingerprint."""
        row = fingerprint, key, expires, retry
        self._database.run(lambda db: db.execute(_INSERT_RECENT, row).rowcount)

    def recent_orders(self, fingerprint: str, now: int) -> Mapping[str, int]:
        """Return the keys of the recent orders with that fingerprint, the oldest first, and the last retry of each."""
        query = "SELECT key, retry FROM recent_orders WHERE fingerprint = ? AND expires > ? ORDER BY rowid"
        return dict(self._database.run(lambda db: db.execute(query, (fingerprint, now)).fetchall()))

    def join_recent(self, fingerprint: str, key: str, retry: int) -> bool:
        """Store that a retry with this number joins a recent order. Return False when an equal or later one has it."""
        row = retry, fingerprint, key, retry
        return self._database.run(lambda db: db.execute(_JOIN_RECENT, row).rowcount) == 1


class AnswerFolder:
    """The answers of orders as files. A file appears as a whole, and only once."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)

    def put(self, order_id: str, answer: StoredAnswer) -> StoredAnswer:
        """Store the answer, and return it. If the order has one already, return that one."""
        try:
            write_file_once(self._file(order_id), encode_answer(answer))
        except OSError as error:
            raise _unavailable_error(self._folder) from error
        return self.get(order_id) or answer

    def get(self, order_id: str) -> StoredAnswer | None:
        """Return the answer of an order, or None."""
        try:
            return decode_answer(order_id, self._file(order_id).read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unavailable_error(self._folder) from error

    def delete(self, order_id: str) -> None:
        """Delete the answer of an order, if there is one."""
        try:
            self._file(order_id).unlink(missing_ok=True)
        except OSError as error:
            raise _unavailable_error(self._folder) from error

    def _file(self, order_id: str) -> Path:
        return self._folder / f"{order_id}.answer"


def _record_text(order: Order) -> str:
    return orjson.dumps(dict(to_record(order))).decode()


def _read_record(text: str) -> Order:
    values: dict[str, Any] = orjson.loads(text)
    return from_record(values)


def _unavailable_error(path: Path) -> OrdersUnavailable:
    return OrdersUnavailable(f"The orders in {path.name} cannot be used.", retry_after=2)
