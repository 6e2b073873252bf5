"""Tenants in one DynamoDB table. Several rows change in one transaction, each only if its version is as it was read."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import orjson

from retouch.infrastructure.aws.clients import AwsClients, ClientConfig
from retouch.infrastructure.aws.row_condition import version_condition
from retouch.tenants.table import Change, Row, TenantsUnavailable, WriteConflict

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Result = TypeVar("Result")
_CLIENT_CONFIG = ClientConfig(connect_timeout=1, read_timeout=3, max_attempts=3)
_CONFLICT = "TransactionCanceledException"


class TenantDynamoTable:
    """The rows of all functions that use the table."""

    def __init__(self, table: str, aws: AwsClients) -> None:
        self._table, self._aws = table, aws

    def read(self, partition: str, name: str) -> Row | None:
        """Return the row as it was last written, or None."""
        return self._run(lambda: self._read(partition, name))

    def list(self, partition: str) -> Sequence[Row]:
        """Return the rows of a partition by name."""
        return self._run(lambda: list(self._read_all(partition)))

    def write(self, changes: Sequence[Change]) -> None:
        """Make all changes or none. Raises WriteConflict."""
        versions = [secrets.token_hex(8) for _ in changes]
        self._run(lambda: self._write(changes, versions))

    @property
    def _client(self) -> DynamoDBClient:
        client: DynamoDBClient = self._aws.client("dynamodb", _CLIENT_CONFIG)
        return client

    def _run(self, operation: Callable[[], Result]) -> Result:
        try:
            return operation()
        except WriteConflict:
            raise
        except Exception as error:  # boto3 raises many errors
            raise TenantsUnavailable(
                "The table of tenants cannot be used. Send the request again."
            ) from error

    def _read(self, partition: str, name: str) -> Row | None:
        response = self._client.get_item(
            TableName=self._table, Key=_place(partition, name), ConsistentRead=True
        )
        item = response.get("Item")
        return _row(item) if item else None

    def _read_all(self, partition: str) -> Iterator[Row]:
        next_page: dict[str, Any] = {}
        while True:
            page = self._client.query(
                TableName=self._table,
                KeyConditionExpression="pk = :partition",
                ExpressionAttributeValues={":partition": {"S": partition}},
                ConsistentRead=True,
                **next_page,
            )
            yield from map(_row, page["Items"])
            if "LastEvaluatedKey" not in page:
                return
            next_page = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def _write(self, changes: Sequence[Change], versions: Sequence[str]) -> None:
        requests = [
            self._request(change, version)
            for change, version in zip(changes, versions, strict=True)
        ]
        try:
            # A repetition with the same token, after a lost response, writes nothing.
            self._client.transact_write_items(
                TransactItems=requests, ClientRequestToken=secrets.token_hex(16)
            )
        except Exception as error:
            if _error_code(error) != _CONFLICT:
                raise
            if not self._is_written(changes, versions):
                raise WriteConflict from error

    def _is_written(self, changes: Sequence[Change], versions: Sequence[str]) -> bool:
        """Return whether an earlier attempt of the same write, whose response was lost, has succeeded."""
        for change, version in zip(changes, versions, strict=True):
            stored = self._read(change.row.partition, change.row.name)
            is_made = stored is None if change.is_deletion else stored and stored.version == version
            if not is_made:
                return False
        return any(not change.is_deletion for change in changes)

    def _request(self, change: Change, version: str) -> Any:
        row = change.row
        condition = version_condition(change.replaces.version if change.replaces else "")
        if change.is_deletion:
            key = _place(row.partition, row.name)
            return {"Delete": {"TableName": self._table, "Key": key, **condition}}
        return {"Put": {"TableName": self._table, "Item": _item(row, version), **condition}}


def _place(partition: str, name: str) -> dict[str, Any]:
    return {"pk": {"S": partition}, "sk": {"S": name}}


def _item(row: Row, version: str) -> dict[str, Any]:
    return {
        **_place(row.partition, row.name),
        "version": {"S": version},
        "record": {"S": orjson.dumps(row.record).decode()},
        **({"expires": {"N": str(row.expires)}} if row.expires else {}),
    }


def _row(item: Mapping[str, Any]) -> Row:
    expires = int(item["expires"]["N"]) if "expires" in item else None
    record = orjson.loads(item["record"]["S"])
    return Row(item["pk"]["S"], item["sk"]["S"], record, expires, item["version"]["S"])


def _error_code(error: Exception) -> str:
    response: Mapping[str, Any] = getattr(error, "response", {})
    return str(response.get("Error", {}).get("Code", ""))
