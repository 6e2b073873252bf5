"""Tenants in one DynamoDB table. Several rows change in one transaction, each only if its version is as it was read."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from retouch.core.write_conflict import WriteConflict
from retouch.infrastructure.aws.clients import AwsClients, ClientConfig
from retouch.infrastructure.aws.dynamodb_table import DynamoDBTable
from retouch.infrastructure.aws.row_condition import version_condition
from retouch.tenants.table import RowWrite, TenantRow, TenantsUnavailable

_CLIENT_CONFIG = ClientConfig(connect_timeout=1, read_timeout=3, max_attempts=3)
_CONFLICT = "TransactionCanceledException"


class TenantDynamoTable:
    """The rows of all functions that use the table."""

    def __init__(self, table: str, aws: AwsClients) -> None:
        self._table = DynamoDBTable(table, aws, _CLIENT_CONFIG, _unavailable_error)

    def read(self, partition: str, name: str) -> TenantRow | None:
        """Return the row as it was last written, or None."""
        return self._table.run(lambda: self._read(partition, name))

    def list(self, partition: str) -> Sequence[TenantRow]:
        """Return the rows of a partition by name."""
        return self._table.run(lambda: list(self._read_all(partition)))

    def write(self, writes: Sequence[RowWrite]) -> None:
        """Make all writes or none. Raises WriteConflict."""
        versions = [secrets.token_hex(8) for _ in writes]
        self._table.run(lambda: self._write(writes, versions))

    def _read(self, partition: str, name: str) -> TenantRow | None:
        item = self._table.read_item(_place(partition, name))
        return _row(item) if item else None

    def _read_all(self, partition: str) -> Iterator[TenantRow]:
        items = self._table.iter_items(
            KeyConditionExpression="pk = :partition",
            ExpressionAttributeValues={":partition": {"S": partition}},
            ConsistentRead=True,
        )
        return map(_row, items)

    def _write(self, writes: Sequence[RowWrite], versions: Sequence[str]) -> None:
        requests = [
            self._request(write, version) for write, version in zip(writes, versions, strict=True)
        ]
        try:
            # A repetition with the same token, after a lost response, writes nothing.
            self._table.client.transact_write_items(
                TransactItems=requests, ClientRequestToken=secrets.token_hex(16)
            )
        except Exception as error:
            if _error_code(error) != _CONFLICT:
                raise
            if not self._is_written(writes, versions):
                raise WriteConflict from error

    def _is_written(self, writes: Sequence[RowWrite], versions: Sequence[str]) -> bool:
        """Return whether an earlier attempt of the same write, whose response was lost, has succeeded."""
        for write, version in zip(writes, versions, strict=True):
            stored = self._read(write.row.partition, write.row.name)
            is_made = stored is None if write.is_deletion else stored and stored.version == version
            if not is_made:
                return False
        return any(not write.is_deletion for write in writes)

    def _request(self, write: RowWrite, version: str) -> Any:
        row = write.row
        condition = version_condition(write.replaces.version if write.replaces else "")
        if write.is_deletion:
            key = _place(row.partition, row.name)
            return {"Delete": {"TableName": self._table.name, "Key": key, **condition}}
        return {"Put": {"TableName": self._table.name, "Item": _item(row, version), **condition}}


def _place(partition: str, name: str) -> dict[str, Any]:
    return {"pk": {"S": partition}, "sk": {"S": name}}


def _item(row: TenantRow, version: str) -> dict[str, Any]:
    return {
        **_place(row.partition, row.name),
        "version": {"S": version},
        "record": {"S": orjson.dumps(row.record).decode()},
        **({"expires": {"N": str(row.expires)}} if row.expires else {}),
    }


def _row(item: Mapping[str, Any]) -> TenantRow:
    expires = int(item["expires"]["N"]) if "expires" in item else None
    record = orjson.loads(item["record"]["S"])
    return TenantRow(item["pk"]["S"], item["sk"]["S"], record, expires, item["version"]["S"])


def _error_code(error: Exception) -> str:
    response: Mapping[str, Any] = getattr(error, "response", {})
    return str(response.get("Error", {}).get("Code", ""))


def _unavailable_error() -> TenantsUnavailable:
    return TenantsUnavailable("The table of tenants cannot be used. Send the request again.")
