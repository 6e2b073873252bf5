"""Rows in one DynamoDB table. Every write is one conditional put.

The key of a row is the scope (`pk`) and the id (`sk`), so nobody can address the row of another scope. The index `due`
lists the rows with a next step: `dp` is always the same, and `ds` is when the step is due. DynamoDB removes rows some
time after `expires`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from retouch.core.errors import Fault
from retouch.core.rows import Row, RowConflict
from retouch.infrastructure.aws.clients import AwsClients, ClientConfig
from retouch.infrastructure.aws.dynamodb_table import DynamoDBTable
from retouch.infrastructure.aws.row_condition import version_condition

DUE_INDEX, _DUE = "due", "due"
_CLIENT_CONFIG = ClientConfig(connect_timeout=1, read_timeout=5, max_attempts=3)
_OWN_ATTRIBUTES = ("pk", "sk", "dp", "ds", "expires", "version")


class RowDynamoTable:
    """The rows of all functions that use the table."""

    def __init__(self, table: str, aws: AwsClients, unavailable_error: Callable[[], Fault]) -> None:
        self._table = DynamoDBTable(table, aws, _CLIENT_CONFIG, unavailable_error)

    def read(self, scope: str, identifier: str) -> Row | None:
        """Return the row as it was last written, or None."""
        return self._table.run(lambda: self._read(scope, identifier))

    def write(self, row: Row, replaces: Row | None) -> Row:
        """Write a row if `replaces` is still stored. Raises RowConflict."""
        new = replace(row, version=secrets.token_hex(8))
        return self._table.run(lambda: self._write(new, replaces))

    def delete(self, scope: str, identifier: str) -> None:
        """Delete a row, if there is one."""
        key = _key(scope, identifier)
        self._table.run(lambda: self._table.client.delete_item(TableName=self._table.name, Key=key))

    def list_rows(
        self, scope: str, prefix: str, after: str, limit: int, *, is_ascending: bool
    ) -> Sequence[Row]:
        """Return the rows of a scope whose ids have the prefix, in the order of their ids, after the id `after`."""
        start: dict[str, Any] = {"ExclusiveStartKey": _key(scope, after)} if after else {}
        response = self._table.run(
            lambda: self._table.client.query(
                TableName=self._table.name,
                KeyConditionExpression="pk = :scope AND begins_with(sk, :prefix)",
                ExpressionAttributeValues={":scope": {"S": scope}, ":prefix": {"S": prefix}},
                ScanIndexForward=is_ascending,
                Limit=limit,
                ConsistentRead=True,
                **start,
            )
        )
        return [_row(item) for item in response["Items"]]

    def list_due(self, before: int) -> Sequence[Row]:
        """Return the rows whose next step was due before that Unix time."""
        response = self._table.run(
            lambda: self._table.client.query(
                TableName=self._table.name,
                IndexName=DUE_INDEX,
                KeyConditionExpression="dp = :due AND ds < :before",
                ExpressionAttributeValues={":due": {"S": _DUE}, ":before": {"N": str(before)}},
            )
        )
        keys = [(item["pk"]["S"], item["sk"]["S"]) for item in response["Items"]]
        rows = [self.read(scope, identifier) for scope, identifier in keys]
        return [row for row in rows if row and 0 < row.due < before]  # the index may be late

    def _read(self, scope: str, identifier: str) -> Row | None:
        item = self._table.read_item(_key(scope, identifier))
        return _row(item) if item else None

    def _write(self, row: Row, replaces: Row | None) -> Row:
        condition = version_condition(replaces.version if replaces else "")
        client = self._table.client
        try:
            client.put_item(TableName=self._table.name, Item=_item(row), **condition)
        except client.exceptions.ConditionalCheckFailedException:
            stored = self._read(row.scope, row.id)
            if stored is None or stored.version != row.version:
                raise RowConflict(stored) from None
        return row


def _key(scope: str, identifier: str) -> dict[str, Any]:
    return {"pk": {"S": scope}, "sk": {"S": identifier}}


def _item(row: Row) -> dict[str, Any]:
    values = {**row.values, "version": row.version}
    if row.expires:
        values["expires"] = row.expires
    if row.due:
        values |= {"dp": _DUE, "ds": row.due}
    attributes = {
        name: {"N": str(value)} if isinstance(value, int) else {"S": value}
        for name, value in values.items()
    }
    return {**_key(row.scope, row.id), **attributes}


def _row(item: Mapping[str, Any]) -> Row:
    values: dict[str, Any] = {
        name: int(one["N"]) if "N" in one else one["S"] for name, one in item.items()
    }
    return Row(
        values["pk"],
        values["sk"],
        {name: value for name, value in values.items() if name not in _OWN_ATTRIBUTES},
        values.get("expires", 0),
        values.get("ds", 0),
        values["version"],
    )
