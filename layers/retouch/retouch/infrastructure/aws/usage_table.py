"""The DynamoDB table of usage.

U#<workspace>#<day>, <id of the event>   an event; its attribute `trace` is the key of the index `trace`
U#<workspace>#<day>, ROLLUP              the sums of the day
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from retouch.core.errors import UsageUnavailable
from retouch.infrastructure.aws.clients import AwsClients, ClientConfig
from retouch.infrastructure.aws.dynamodb_table import DynamoDBTable
from retouch.usage.event import (
    SECONDS_PER_DAY,
    UsageEvent,
    day_of,
    format_time,
    from_record,
    start_of_day,
    to_record,
)

TRACE_INDEX = "trace"
_ROLLUP_KEY = "ROLLUP"
_ROLLUP_SECONDS = 400 * SECONDS_PER_DAY
# No answer waits for these calls.
_CLIENT_CONFIG = ClientConfig(connect_timeout=1, read_timeout=3, max_attempts=3)


class UsageDynamoTable:
    """The usage of all functions that use the table. Events are deleted after `days`, and rollups later."""

    def __init__(self, table: str, days: int, aws: AwsClients) -> None:
        self._table = DynamoDBTable(table, aws, _CLIENT_CONFIG, _unavailable_error)
        self.retention_seconds = days * SECONDS_PER_DAY

    def write_event(self, event: UsageEvent) -> bool:
        """Store an event unless one with its id is there. Return whether it was stored by this call."""
        record = {
            **to_record(event),
            "pk": _partition(event.workspace, event.day),
            "sk": event.id,
            "expires": event.time + self.retention_seconds,
        }
        return self._put({name: _attribute(value) for name, value in record.items() if value != ""})

    def read_events(self, workspace: str, start: int, end: int) -> Iterator[UsageEvent]:
        """Yield the events of a workspace in [start, end), Unix seconds within one day, the earliest first."""
        next_page: dict[str, Any] = {}
        while True:
            page = self._read_page(workspace, start, end, next_page)
            yield from map(_read_event, page["Items"])
            if "LastEvaluatedKey" not in page:
                return
            next_page = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def find_by_trace(self, trace: str) -> Sequence[UsageEvent]:
        """Return the events with that trace id, of every workspace. The index may be a second late."""
        keys = self._table.run(
            lambda: self._table.client.query(
                TableName=self._table.name,
                IndexName=TRACE_INDEX,
                KeyConditionExpression="#trace = :trace",
                ExpressionAttributeNames={"#trace": "trace"},
                ExpressionAttributeValues={":trace": {"S": trace}},
            )["Items"]
        )
        rows = [self._read_row(key["pk"]["S"], key["sk"]["S"]) for key in keys]
        return [_read_event(row) for row in rows if row]

    def read_rollup(self, workspace: str, day: str) -> bytes | None:
        """Return the rollup of a day, or None."""
        row = self._read_row(_partition(workspace, day), _ROLLUP_KEY)
        data: bytes | None = row["data"]["B"] if row else None
        return data

    def write_rollup(self, workspace: str, day: str, data: bytes) -> None:
        """Store the rollup of a day, unless there is one."""
        expires = start_of_day(day) + max(self.retention_seconds, _ROLLUP_SECONDS)
        self._put(
            {
                "pk": {"S": _partition(workspace, day)},
                "sk": {"S": _ROLLUP_KEY},
                "data": {"B": data},
                "expires": {"N": str(expires)},
            }
        )

    def note_workspace(self, workspace: str, month: str) -> None:
        """Remember that a workspace has events in a month, as "2026-11"."""
        expires = start_of_day(f"{month}-01") + max(self.retention_seconds, _ROLLUP_SECONDS)
        self._put(
            {
                "pk": {"S": f"W#{month}"},
                "sk": {"S": workspace},
                "expires": {"N": str(expires)},
            }
        )

    def list_workspaces(self, month: str) -> Sequence[str]:
        """Return the workspaces with events in a month, also those that are deleted."""
        rows = self._table.run(
            lambda: list(
                self._table.iter_items(
                    KeyConditionExpression="pk = :pk",
                    ExpressionAttributeValues={":pk": {"S": f"W#{month}"}},
                )
            )
        )
        return [row["sk"]["S"] for row in rows]

    def _put(self, item: Mapping[str, Any]) -> bool:
        """Write an item unless one with its key is there. Return whether it was written."""

        def put() -> bool:
            with suppress(self._table.client.exceptions.ConditionalCheckFailedException):
                self._table.client.put_item(
                    TableName=self._table.name,
                    Item=item,
                    ConditionExpression="attribute_not_exists(pk)",
                )
                return True
            return False

        return self._table.run(put)

    def _read_page(
        self, workspace: str, start: int, end: int, next_page: dict[str, Any]
    ) -> dict[str, Any]:
        def read() -> Any:
            return self._table.client.query(
                TableName=self._table.name,
                KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
                ExpressionAttributeValues={
                    ":pk": {"S": _partition(workspace, day_of(start))},
                    ":first": {"S": f"{format_time(start)}#"},
                    ":last": {"S": f"{format_time(end - 1)}#~"},
                },
                **next_page,
            )

        page: dict[str, Any] = self._table.run(read)
        return page

    def _read_row(self, partition: str, key: str) -> Mapping[str, Any] | None:
        response = self._table.run(
            lambda: self._table.client.get_item(
                TableName=self._table.name, Key={"pk": {"S": partition}, "sk": {"S": key}}
            )
        )
        return response.get("Item")


def _partition(workspace: str, day: str) -> str:
    return f"U#{workspace}#{day}"


def _attribute(value: str | int) -> dict[str, str]:
    return {"N": str(value)} if isinstance(value, int) else {"S": value}


def _read_event(item: Mapping[str, Any]) -> UsageEvent:
    return from_record(
        {name: int(value["N"]) if "N" in value else value["S"] for name, value in item.items()}
    )


def _unavailable_error() -> UsageUnavailable:
    return UsageUnavailable(
        "The table of usage cannot be used. Send the request again.", retry_after=2
    )
