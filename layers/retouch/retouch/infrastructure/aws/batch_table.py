"""Batches and files in one DynamoDB table. Every write is one conditional put.

The key of a row is the scope (`pk`) and the id (`sk`), so nobody can address the row of another scope. The index `due`
lists the batches that have not ended: `dp` is always the same, and `ds` is when the next step is due.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from retouch.batches.stores import Row, RowConflict
from retouch.core.errors import OrdersUnavailable
from retouch.infrastructure.aws.clients import AwsClients, ClientConfig
from retouch.infrastructure.aws.row_condition import version_condition

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Result = TypeVar("Result")
DUE_INDEX, _DUE = "due", "due"
_CLIENT_CONFIG = ClientConfig(connect_timeout=1, read_timeout=2, max_attempts=3)
_OWN_ATTRIBUTES = ("pk", "sk", "dp", "ds", "expires", "version")
_RETRY_AFTER_SECONDS = 2


class BatchDynamoTable:
    """The batches and files of all functions that use the table."""

    def __init__(self, table: str, aws: AwsClients) -> None:
        self._table, self._aws = table, aws

    def read(self, scope: str, identifier: str) -> Row | None:
        """Return the row as it was last written, or None."""
        return self._run(lambda: self._read(scope, identifier))

    def write(self, row: Row, replaces: Row | None) -> Row:
        """Write a row if `replaces` is still stored. Raises RowConflict."""
        new = replace(row, version=secrets.token_hex(8))
        return self._run(lambda: self._write(new, replaces))

    def delete(self, row: Row) -> None:
        """Delete a row."""
        self._run(
            lambda: self._client.delete_item(TableName=self._table, Key=_key(row.scope, row.id))
        )

    def list_rows(
        self, scope: str, prefix: str, after: str, limit: int, *, is_ascending: bool
    ) -> Sequence[Row]:
        """Return the rows of a scope whose ids have the prefix, in the order of their ids, after the id `after`."""
        start: dict[str, Any] = {"ExclusiveStartKey": _key(scope, after)} if after else {}
        response = self._run(
            lambda: self._client.query(
                TableName=self._table,
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
        response = self._run(
            lambda: self._client.query(
                TableName=self._table,
                IndexName=DUE_INDEX,
                KeyConditionExpression="dp = :due AND ds < :before",
                ExpressionAttributeValues={":due": {"S": _DUE}, ":before": {"N": str(before)}},
            )
        )
        keys = [(item["pk"]["S"], item["sk"]["S"]) for item in response["Items"]]
        rows = [self.read(scope, identifier) for scope, identifier in keys]
        return [row for row in rows if row and 0 < row.due < before]  # the index may be late

    @property
    def _client(self) -> DynamoDBClient:
        client: DynamoDBClient = self._aws.client("dynamodb", _CLIENT_CONFIG)
        return client

    def _run(self, operation: Callable[[], Result]) -> Result:
        try:
            return operation()
        except RowConflict:
            raise
        except Exception as error:  # boto3 raises many errors
            raise OrdersUnavailable(
                "The table of batches cannot be used. Send the request again.",
                retry_after=_RETRY_AFTER_SECONDS,
            ) from error

    def _read(self, scope: str, identifier: str) -> Row | None:
        response = self._client.get_item(
            TableName=self._table, Key=_key(scope, identifier), ConsistentRead=True
        )
        return _row(response["Item"]) if response.get("Item") else None

    def _write(self, row: Row, replaces: Row | None) -> Row:
        condition = version_condition(replaces.version if replaces else "")
        try:
            self._client.put_item(TableName=self._table, Item=_item(row), **condition)
        except self._client.exceptions.ConditionalCheckFailedException:
            stored = self._read(row.scope, row.id)
            if stored is None or stored.version != row.version:
                raise RowConflict(stored) from None
        return row


def _key(scope: str, identifier: str) -> dict[str, Any]:
    return {"pk": {"S": scope}, "sk": {"S": identifier}}


def _item(row: Row) -> dict[str, Any]:
    values = {**row.values, "expires": row.expires, "version": row.version}
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
        values["expires"],
        values.get("ds", 0),
        values["version"],
    )
