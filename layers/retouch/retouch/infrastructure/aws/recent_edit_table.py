"""Recent edits in one DynamoDB table: {id, expires}. DynamoDB removes a row some time after it expires.

A failure of the table goes to the log. The gateway then works as without a table.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from retouch.infrastructure.aws.clients import AwsClients, ClientConfig

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Result = TypeVar("Result")
# an edit waits for these calls
_CLIENT_CONFIG = ClientConfig(connect_timeout=1, read_timeout=1, max_attempts=1)


class RecentEditTable:
    """The recent edits of all functions that use the table."""

    def __init__(self, table: str, aws: AwsClients) -> None:
        self._table, self._aws = table, aws

    def add(self, fingerprint: str, expires_at: int) -> None:
        """Store an edit until that Unix time."""
        item = {"id": {"S": fingerprint}, "expires": {"N": str(expires_at)}}
        self._run_safely(lambda: self._client.put_item(TableName=self._table, Item=item))

    def remove(self, fingerprint: str) -> None:
        """Remove an edit."""
        key = {"id": {"S": fingerprint}}
        self._run_safely(lambda: self._client.delete_item(TableName=self._table, Key=key))

    def contains(self, fingerprint: str, unix_time: int) -> bool:
        """Return whether the table has an edit that has not expired at that time."""
        return (self._run_safely(lambda: self._read_expiry(fingerprint)) or 0) > unix_time

    @property
    def _client(self) -> DynamoDBClient:
        client: DynamoDBClient = self._aws.client("dynamodb", _CLIENT_CONFIG)
        return client

    def _read_expiry(self, fingerprint: str) -> int:
        response = self._client.get_item(
            TableName=self._table, Key={"id": {"S": fingerprint}}, ConsistentRead=True
        )
        return int(response.get("Item", {}).get("expires", {}).get("N", "0"))

    def _run_safely(self, operation: Callable[[], Result]) -> Result | None:
        """Return the operation's result, or None when the table failed."""
        try:
            return operation()
        except Exception as error:
            logging.getLogger("retouch").warning(
                "the table of recent edits cannot be used", exc_info=error
            )
            return None
