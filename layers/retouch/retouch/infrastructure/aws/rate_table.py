"""The counts of rate limits in the DynamoDB table of budgets: one row for each window.

botocore repeats an update whose response was lost, so that a request may count twice. A limit is then reached a little
early, and never late.
"""

from __future__ import annotations

from typing import Any

from retouch.core.errors import BudgetUnavailable
from retouch.infrastructure.aws.clients import AwsClients, ClientConfig
from retouch.infrastructure.aws.dynamodb_table import DynamoDBTable
from retouch.tenants.rates import RateWindow

_CLIENT_CONFIG = ClientConfig(connect_timeout=1, read_timeout=2, max_attempts=3, max_connections=50)
_ADD = "SET n = if_not_exists(n, :zero) + :amount, expires = :expires"
_IS_FREE = "attribute_not_exists(n) OR n < :limit"


class RateDynamoTable:
    """The counts of all functions that use the table."""

    def __init__(self, table: str, aws: AwsClients) -> None:
        self._table = DynamoDBTable(table, aws, _CLIENT_CONFIG, _unavailable_error)

    def count(self, window: RateWindow, amount: int) -> int | None:
        """Add to a window, and return its count. None: the window is full, and nothing was added."""
        condition = {"ConditionExpression": _IS_FREE}
        limit = {":limit": {"N": str(window.limit.value)}}
        return self._table.run(lambda: self._update(window, amount, condition, limit))

    def add(self, window: RateWindow, amount: int) -> None:
        """Add to a window, also above its limit."""
        self._table.run(lambda: self._update(window, amount, {}, {}))

    def read(self, window: RateWindow) -> int:
        """Return the count of a window."""
        response = self._table.run(
            lambda: self._table.client.get_item(TableName=self._table.name, Key=_row_key(window))
        )
        return int(response.get("Item", {}).get("n", {"N": "0"})["N"])

    def _update(
        self, window: RateWindow, amount: int, condition: Any, values: dict[str, Any]
    ) -> int | None:
        try:
            response = self._table.client.update_item(
                TableName=self._table.name,
                Key=_row_key(window),
                UpdateExpression=_ADD,
                ExpressionAttributeValues={
                    ":zero": {"N": "0"},
                    ":amount": {"N": str(amount)},
                    ":expires": {"N": str(window.expires)},
                    **values,
                },
                ReturnValues="UPDATED_NEW",
                **condition,
            )
        except self._table.client.exceptions.ConditionalCheckFailedException:
            return None
        return int(response["Attributes"]["n"]["N"])


def _row_key(window: RateWindow) -> dict[str, Any]:
    return {"pk": {"S": f"R#{window.account}"}, "sk": {"S": window.name}}


def _unavailable_error() -> BudgetUnavailable:
    return BudgetUnavailable(
        "The table of rate limits cannot be used, so nothing was bought. Send the request again.",
        retry_after=2,
    )
