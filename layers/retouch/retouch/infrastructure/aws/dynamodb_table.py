"""A DynamoDB table as its stores use it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from retouch.core.errors import Fault
from retouch.core.write_conflict import WriteConflict
from retouch.infrastructure.aws.clients import AwsClients, ClientConfig

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Result = TypeVar("Result")
_log = logging.getLogger("retouch")


class DynamoDBTable:
    """The name of a table, its client, and the one place that turns failures of AWS into the error of the table."""

    def __init__(
        self,
        name: str,
        aws: AwsClients,
        config: ClientConfig,
        unavailable_error: Callable[[], Fault],
    ) -> None:
        self.name = name
        self._aws, self._config, self._unavailable_error = aws, config, unavailable_error

    @property
    def client(self) -> DynamoDBClient:
        """Return the client. It is created when the first call needs it."""
        client: DynamoDBClient = self._aws.client("dynamodb", self._config)
        return client

    def run(self, operation: Callable[[], Result]) -> Result:
        """Return the result of an operation. Raises WriteConflict, and the error of the table for every failure."""
        try:
            return operation()
        except WriteConflict:
            raise
        except Exception as error:  # boto3 raises many errors
            # Callers see one error for all of them, and the operator needs the cause.
            _log.error("a table cannot be used", extra={"table": self.name}, exc_info=error)
            raise self._unavailable_error() from error

    def read_item(self, key: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return the item with this key as it was last written, or None."""
        response = self.client.get_item(TableName=self.name, Key=dict(key), ConsistentRead=True)
        return response.get("Item")

    def iter_items(self, **query: Any) -> Iterator[Mapping[str, Any]]:
        """Yield the items of a query, page by page."""
        for page in self.iter_pages(**query):
            yield from page["Items"]

    def iter_pages(self, **query: Any) -> Iterator[Mapping[str, Any]]:
        """Yield the responses to a query, one for each page."""
        next_page: dict[str, Any] = {}
        while True:
            page = self.client.query(TableName=self.name, **query, **next_page)
            yield page
            if "LastEvaluatedKey" not in page:
                return
            next_page = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
