"""Orders in one DynamoDB table. Every write is one conditional put; there are no transactions and no counters.

A row is an order under `O#` and its key, or the recent orders of a fingerprint under `F#` and the fingerprint. The
index `open` lists the orders that the sweeper must find: `op` is one of eight shards, and `os` is the lease. The index
`by-time` lists the jobs of a scope: `gp` is the scope, and `gs` is the id of the order, which begins with its time. The
index `by-batch` counts the ended jobs of a batch: `bk` is the batch, and `bs` is the end. DynamoDB removes rows some
time after `expires`, so readers check it too.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from typing import Any, get_args

from retouch.core.errors import OrdersUnavailable
from retouch.infrastructure.aws.clients import AwsClients, ClientConfig
from retouch.infrastructure.aws.dynamodb_table import DynamoDBTable
from retouch.infrastructure.aws.row_condition import version_condition
from retouch.orders.order import BatchEnd, Order
from retouch.orders.record import from_record, to_record
from retouch.orders.stores import OrderConflict

# The recent orders of a fingerprint, the oldest first: the key, and when the order expires and its last retry.
_Recent = dict[str, tuple[int, int]]
OPEN_INDEX, TIME_INDEX, BATCH_INDEX = "open", "by-time", "by-batch"
_SHARDS = "01234567"
_RETRY_AFTER_SECONDS = 2
# An edit waits for these calls. A repeated write is recognized by its version.
_CLIENT_CONFIG = ClientConfig(connect_timeout=1, read_timeout=2, max_attempts=3)
_MAX_RECENT, _MAX_RACES = 20, 40
_INDEX_ATTRIBUTES = ("pk", "op", "os", "gp", "gs", "bk", "bs")


class OrderDynamoTable:
    """The orders of all functions that use the table."""

    def __init__(self, table: str, aws: AwsClients) -> None:
        self._table = DynamoDBTable(table, aws, _CLIENT_CONFIG, _unavailable_error)

    def read(self, key: str) -> Order | None:
        """Return the order as it was last written, or None."""
        return self._table.run(lambda: self._read(key))

    def write(self, order: Order, replaces: Order | None) -> Order:
        """Write an order if `replaces` is still stored. Raises OrderConflict."""
        new = replace(order, version=secrets.token_hex(8))
        return self._table.run(lambda: self._write(new, replaces))

    def list_abandoned(self, now: int) -> Sequence[Order]:
        """Return the listed orders whose lease is over."""
        return self._table.run(lambda: list(self._read_abandoned(now)))

    def list_jobs(self, scope: str, before: str, limit: int) -> Sequence[Order]:
        """Return the newest jobs of a scope whose order's id is before this one."""
        return self._table.run(lambda: list(self._read_jobs(scope, before, limit)))

    def remove(self, order: Order) -> None:
        """Remove an order that is stored as it is here. Raises OrderConflict."""
        self._table.run(lambda: self._remove(order))

    def count_batch(self, batch: str) -> Mapping[str, int]:
        """Return the number of ended jobs of a batch by their end. The index may be late."""
        ends = [end for end in get_args(BatchEnd) if end]
        return self._table.run(lambda: {end: self._count_ended(batch, end) for end in ends})

    def add_recent(self, fingerprint: str, key: str, expires: int, retry: int) -> None:
        """Remember the key of an order under a fingerprint."""

        def add(entries: _Recent) -> _Recent | None:
            if key in entries:
                return None  # an earlier write, whose response was lost
            return dict([*entries.items(), (key, (expires, retry))][-_MAX_RECENT:])

        self._table.run(lambda: self._change_recent(fingerprint, add))

    def recent_orders(self, fingerprint: str, now: int) -> Mapping[str, int]:
        """Return the keys of the recent orders with that fingerprint, the oldest first, and the last retry of each."""
        entries, _ = self._table.run(lambda: self._read_recent(fingerprint))
        return {key: retry for key, (expires, retry) in entries.items() if expires > now}

    def join_recent(self, fingerprint: str, key: str, retry: int) -> bool:
        """Store that a retry with this number joins a recent order. Return False when an equal or later one has it."""

        def join(entries: _Recent) -> _Recent | None:
            expires, last = entries.get(key, (0, retry))
            return {**entries, key: (expires, retry)} if last < retry else None

        return self._table.run(lambda: self._change_recent(fingerprint, join))

    def _read(self, key: str) -> Order | None:
        return _order_of_item(self._table.read_item({"pk": {"S": f"O#{key}"}}))

    def _write(self, order: Order, replaces: Order | None) -> Order:
        condition = version_condition(replaces.version if replaces else "")
        try:
            self._table.client.put_item(
                TableName=self._table.name,
                Item=_item(order),
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **condition,
            )
        except self._table.client.exceptions.ConditionalCheckFailedException as error:
            # A race may leave the row out, and then it is read.
            stored = _order_of_item(_old_item(error)) or self._read(order.key)
            if stored is None or stored.version != order.version:
                raise OrderConflict(stored) from None
        return order

    def _remove(self, order: Order) -> None:
        try:
            self._table.client.delete_item(
                TableName=self._table.name,
                Key={"pk": {"S": f"O#{order.key}"}},
                ConditionExpression="version = :version",
                ExpressionAttributeValues={":version": {"S": order.version}},
            )
        except self._table.client.exceptions.ConditionalCheckFailedException:
            stored = self._read(order.key)
            if stored:  # otherwise this removal was repeated because its response was lost
                raise OrderConflict(stored) from None

    def _read_jobs(self, scope: str, before: str, limit: int) -> Iterator[Order]:
        rows = self._table.iter_items(
            IndexName=TIME_INDEX,
            KeyConditionExpression="gp = :scope AND gs < :before",
            ExpressionAttributeValues={":scope": {"S": scope}, ":before": {"S": before or "~"}},
            ScanIndexForward=False,
            Limit=limit,
        )
        orders = ((row, self._read(row["pk"]["S"].removeprefix("O#"))) for row in rows)
        # The index may be late.
        current = (order for row, order in orders if order and order.id == row["gs"]["S"])
        return islice(current, limit)

    def _read_abandoned(self, now: int) -> Iterator[Order]:
        for shard in _SHARDS:
            rows = self._table.iter_items(
                IndexName=OPEN_INDEX,
                KeyConditionExpression="op = :shard AND os < :now",
                ExpressionAttributeValues={":shard": {"S": shard}, ":now": {"N": str(now)}},
            )
            for row in rows:
                order = self._read(row["pk"]["S"].removeprefix("O#"))
                if order and order.is_listed and order.lease < now:  # the index may be late
                    yield order

    def _count_ended(self, batch: str, end: str) -> int:
        pages = self._table.iter_pages(
            IndexName=BATCH_INDEX,
            Select="COUNT",
            KeyConditionExpression="bk = :batch AND bs = :end",
            ExpressionAttributeValues={":batch": {"S": batch}, ":end": {"S": end}},
        )
        return sum(page["Count"] for page in pages)

    def _change_recent(self, fingerprint: str, change: Callable[[_Recent], _Recent | None]) -> bool:
        """Replace the recent orders of a fingerprint. Return whether there was a change."""
        new_version = secrets.token_hex(8)
        for _ in range(_MAX_RACES):
            entries, version = self._read_recent(fingerprint)
            if version == new_version:  # this change, whose response was lost
                return True
            changed = change(entries)
            if changed is None:
                return False
            with suppress(self._table.client.exceptions.ConditionalCheckFailedException):
                self._write_recent(fingerprint, changed, version, new_version)
                return True
        raise TimeoutError("other requests always wrote the recent orders first")

    def _write_recent(
        self, fingerprint: str, entries: _Recent, version: str, new_version: str
    ) -> None:
        condition = version_condition(version, "version")
        texts = [f"{key} {expires} {retry}" for key, (expires, retry) in entries.items()]
        self._table.client.put_item(
            TableName=self._table.name,
            Item={
                "pk": {"S": f"F#{fingerprint}"},
                "recent": {"L": [{"S": text} for text in texts]},
                "expires": {"N": str(max(expires for expires, _ in entries.values()))},
                "version": {"S": new_version},
            },
            **condition,
        )

    def _read_recent(self, fingerprint: str) -> tuple[_Recent, str]:
        """Return the recent orders of a fingerprint, and the version of their row."""
        item = self._table.read_item({"pk": {"S": f"F#{fingerprint}"}})
        if not item:
            return {}, ""
        expires = item["expires"]["N"]
        entries = dict(_recent_entry(entry["S"], expires) for entry in item["recent"]["L"])
        return entries, item.get("version", {"S": ""})["S"]


def _recent_entry(text: str, row_expires: str) -> tuple[str, tuple[int, int]]:
    """Return one recent order. Rows of earlier versions have keys only, and one expiry for all of them."""
    key, *numbers = text.split(" ")
    expires, retry = numbers or (row_expires, "0")
    return key, (int(expires), int(retry))


def _item(order: Order) -> dict[str, Any]:
    record: dict[str, str | int] = {**to_record(order), "pk": f"O#{order.key}"}
    if order.is_listed:
        record |= {"op": _SHARDS[ord(order.key[-1]) % len(_SHARDS)], "os": order.lease}
    if order.is_job and order.source != "batch":
        record |= {"gp": order.scope, "gs": order.id}
    if order.batch and order.batch_end:
        record |= {"bk": order.batch, "bs": order.batch_end}
    return {
        name: {"N": str(value)} if isinstance(value, int) else {"S": value}
        for name, value in record.items()
    }


def _old_item(error: Any) -> Mapping[str, Any] | None:
    """Return the row that did not meet the condition, when DynamoDB sends it."""
    item: Mapping[str, Any] | None = error.response.get("Item")
    return item


def _order_of_item(item: Mapping[str, Any] | None) -> Order | None:
    if not item:
        return None
    values = {
        name: int(value["N"]) if "N" in value else value["S"]
        for name, value in item.items()
        if name not in _INDEX_ATTRIBUTES
    }
    return from_record(values)


def _unavailable_error() -> OrdersUnavailable:
    return OrdersUnavailable(
        "The table of orders cannot be used, so nothing was bought. Send the request again.",
        retry_after=_RETRY_AFTER_SECONDS,
    )
