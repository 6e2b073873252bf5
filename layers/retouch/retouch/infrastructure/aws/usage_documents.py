"""Feedback and exports in the DynamoDB table of usage: the group is the partition, and the id the sort key."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import orjson

from retouch.core.clock import Clock
from retouch.core.errors import UsageUnavailable
from retouch.infrastructure.aws.clients import AwsClients, ClientConfig
from retouch.infrastructure.aws.row_condition import version_condition
from retouch.usage.documents import Document
from retouch.usage.event import SECONDS_PER_DAY

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Result = TypeVar("Result")
_CLIENT_CONFIG = ClientConfig(connect_timeout=1, read_timeout=3, max_attempts=3)


class UsageDynamoDocuments:
    """The documents of all functions that use the table. They are deleted `days` after they were last written."""

    def __init__(self, table: str, days: int, aws: AwsClients, clock: Clock) -> None:
        self._table, self._seconds = table, days * SECONDS_PER_DAY
        self._aws, self._clock = aws, clock

    def write(self, document: Document) -> Document | None:
        """Write a document if its version is still stored. Return it with its new version, or None."""
        new = replace(document, version=secrets.token_hex(8))
        return self._run(lambda: self._write(new, document.version))

    def read(self, group: str, identifier: str) -> Document | None:
        """Return a document, or None."""
        key = {"pk": {"S": group}, "sk": {"S": identifier}}
        response = self._run(
            lambda: self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        )
        return _document(response["Item"]) if "Item" in response else None

    def read_group(self, group: str) -> Sequence[Document]:
        """Return all documents of a group, by their ids."""
        return self._run(lambda: self._read_group(group))

    def _write(self, new: Document, replaces: str) -> Document | None:
        condition = version_condition(replaces)
        expires = self._clock.unix_time() + self._seconds
        try:
            self._client.put_item(
                TableName=self._table,
                Item={
                    "pk": {"S": new.group},
                    "sk": {"S": new.id},
                    "doc": {"S": orjson.dumps(new.values).decode()},
                    "version": {"S": new.version},
                    "expires": {"N": str(expires)},
                },
                **condition,
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            stored = self.read(new.group, new.id)
            return new if stored and stored.version == new.version else None
        return new

    def _read_group(self, group: str) -> list[Document]:
        documents: list[Document] = []
        next_page: dict[str, Any] = {}
        while True:
            page = self._client.query(
                TableName=self._table,
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues={":pk": {"S": group}},
                **next_page,
            )
            documents += map(_document, page["Items"])
            if "LastEvaluatedKey" not in page:
                return documents
            next_page = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    @property
    def _client(self) -> DynamoDBClient:
        client: DynamoDBClient = self._aws.client("dynamodb", _CLIENT_CONFIG)
        return client

    def _run(self, operation: Callable[[], Result]) -> Result:
        try:
            return operation()
        except Exception as error:  # boto3 raises many errors
            raise UsageUnavailable(
                "The table of usage cannot be used. Send the request again.", retry_after=2
            ) from error


def _document(item: Mapping[str, Any]) -> Document:
    values: dict[str, Any] = orjson.loads(item["doc"]["S"])
    return Document(item["pk"]["S"], item["sk"]["S"], values, item["version"]["S"])
