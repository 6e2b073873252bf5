"""Feedback and exports in the DynamoDB table of usage: the group is the partition, and the id the sort key."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson

from retouch.core.clock import Clock
from retouch.core.errors import UsageUnavailable
from retouch.infrastructure.aws.clients import AwsClients, ClientConfig
from retouch.infrastructure.aws.dynamodb_table import DynamoDBTable
from retouch.infrastructure.aws.row_condition import version_condition
from retouch.usage.documents import Document
from retouch.usage.event import SECONDS_PER_DAY

_CLIENT_CONFIG = ClientConfig(connect_timeout=1, read_timeout=3, max_attempts=3)


class UsageDynamoDocuments:
    """The documents of all functions that use the table. They are deleted `days` after they were last written."""

    def __init__(self, table: str, days: int, aws: AwsClients, clock: Clock) -> None:
        self._table = DynamoDBTable(table, aws, _CLIENT_CONFIG, _unavailable_error)
        self._seconds, self._clock = days * SECONDS_PER_DAY, clock

    def write(self, document: Document) -> Document | None:
        """Write a document if its version is still stored. Return it with its new version, or None."""
        new = replace(document, version=secrets.token_hex(8))
        return self._table.run(lambda: self._write(new, document.version))

    def read(self, group: str, identifier: str) -> Document | None:
        """Return a document, or None."""
        key = {"pk": {"S": group}, "sk": {"S": identifier}}
        item = self._table.run(lambda: self._table.read_item(key))
        return _document(item) if item else None

    def read_group(self, group: str) -> Sequence[Document]:
        """Return all documents of a group, by their ids."""
        return self._table.run(lambda: self._read_group(group))

    def _write(self, new: Document, replaces: str) -> Document | None:
        condition = version_condition(replaces)
        expires = self._clock.unix_time() + self._seconds
        try:
            self._table.client.put_item(
                TableName=self._table.name,
                Item={
                    "pk": {"S": new.group},
                    "sk": {"S": new.id},
                    "doc": {"S": orjson.dumps(new.values).decode()},
                    "version": {"S": new.version},
                    "expires": {"N": str(expires)},
                },
                **condition,
            )
        except self._table.client.exceptions.ConditionalCheckFailedException:
            stored = self.read(new.group, new.id)
            return new if stored and stored.version == new.version else None
        return new

    def _read_group(self, group: str) -> list[Document]:
        items = self._table.iter_items(
            KeyConditionExpression="pk = :pk", ExpressionAttributeValues={":pk": {"S": group}}
        )
        return list(map(_document, items))


def _document(item: Mapping[str, Any]) -> Document:
    values: dict[str, Any] = orjson.loads(item["doc"]["S"])
    return Document(item["pk"]["S"], item["sk"]["S"], values, item["version"]["S"])


def _unavailable_error() -> UsageUnavailable:
    return UsageUnavailable(
        "The table of usage cannot be used. Send the request again.", retry_after=2
    )
