"""Webhook endpoints and deliveries in one DynamoDB table, as rows under their scope and id.

DynamoDB removes deliveries some time after `expires`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from retouch.core.errors import WebhooksUnavailable
from retouch.infrastructure.aws.clients import AwsClients, ClientConfig
from retouch.infrastructure.aws.row_condition import version_condition
from retouch.webhooks.services import Row, RowConflict

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Result = TypeVar("Result")
_RETRY_AFTER_SECONDS = 2
_CLIENT_CONFIG = ClientConfig(connect_timeout=1, read_timeout=5, max_attempts=3)
_LAST = "\x7f"  # sorts after every character of an id


class WebhookDynamoTable:
    """The rows of all functions that use the table."""

    def __init__(self, table: str, aws: AwsClients) -> None:
        self._table, self._aws = table, aws

    def read(self, scope: str, identifier: str) -> Row | None:
        """Return the row as it was last written, or None."""
        return self._run(lambda: self._read(scope, identifier))

    def write(self, row: Row, replaces: Row | None) -> Row:
        """Write a row if `replaces` is still stored. Raises RowConflict."""
        new = replace(row, version=secrets.token_hex(8))
        return self._run(lambda: self._write(new, replaces))

    def delete(self, scope: str, identifier: str) -> None:
        """Remove a row, if there is one."""
        key = _key(scope, identifier)
        self._run(lambda: self._client.delete_item(TableName=self._table, Key=key))

    def list(self, scope: str, prefix: str, before: str, limit: int) -> Sequence[Row]:
        """Return rows of a scope whose id has this prefix, the last id first. With `before`, only lower ids."""
        return self._run(lambda: self._list(scope, prefix, before, limit))

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
            raise WebhooksUnavailable(
                "The table of webhooks cannot be used. Send the request again.",
                retry_after=_RETRY_AFTER_SECONDS,
            ) from error

    def _read(self, scope: str, identifier: str) -> Row | None:
        key = _key(scope, identifier)
        response = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        item = response.get("Item")
        return _row(scope, item) if item else None

    def _write(self, row: Row, replaces: Row | None) -> Row:
        condition = version_condition(replaces.version if replaces else "")
        try:
            self._client.put_item(TableName=self._table, Item=_item(row), **condition)
        except self._client.exceptions.ConditionalCheckFailedException:
            stored = self._read(row.scope, row.id)
            if stored is None or stored.version != row.version:
                raise RowConflict(stored) from None
        return row

    def _list(self, scope: str, prefix: str, before: str, limit: int) -> Sequence[Row]:
        start: dict[str, Any] = {"ExclusiveStartKey": _key(scope, before)} if before else {}
        page = self._client.query(
            TableName=self._table,
            KeyConditionExpression="pk = :scope AND sk BETWEEN :first AND :last",
            ExpressionAttributeValues={
                ":scope": {"S": scope},
                ":first": {"S": prefix},
                ":last": {"S": prefix + _LAST},
            },
            ScanIndexForward=False,
            ConsistentRead=True,
            Limit=limit,
            **start,
        )
        return [_row(scope, item) for item in page["Items"]]


def _key(scope: str, identifier: str) -> dict[str, Any]:
    return {"pk": {"S": scope}, "sk": {"S": identifier}}


def _item(row: Row) -> dict[str, Any]:
    expires = {"expires": {"N": str(row.expires)}} if row.expires else {}
    texts = {"record": {"S": row.text}, "version": {"S": row.version}}
    return {**_key(row.scope, row.id), **texts, **expires}


def _row(scope: str, item: Mapping[str, Any]) -> Row:
    expires = int(item.get("expires", {"N": "0"})["N"])
    return Row(scope, item["sk"]["S"], item["record"]["S"], expires, item["version"]["S"])
