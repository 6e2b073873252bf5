"""The circuits of all processes in one DynamoDB table: {id, since, failures, successes, opened_at, expires}.

A read never waits. A thread reads the whole table, which has one row per provider, at most every few seconds. A write
waits for a failure, for an opening, for a probe and for the end of a probe. A success costs nothing, unless other
processes have failed recently: then the thread adds it, to weigh it against their failures. When the table fails, the
process continues with its own counts.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from retouch.core.clock import Clock
from retouch.gateway.circuit_breaker import Circuit, CircuitStore
from retouch.gateway.circuit_store import InMemoryCircuitStore
from retouch.infrastructure.aws.clients import AwsClients, ClientConfig

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_log = logging.getLogger("retouch")
# a failed edit waits for these calls
_CLIENT_CONFIG = ClientConfig(connect_timeout=1, read_timeout=1, max_attempts=1)
_REFRESH_SECONDS = 5.0  # seconds until the table is read again
_ROW_TTL_SECONDS = 86_400  # seconds after the last write until the row is removed
_COUNT_EXPRESSION = "ADD failures :failures, successes :successes SET expires = :expires"
_NEW_WINDOW_EXPRESSION = (
    "SET since = :window, failures = :failures, successes = :successes, expires = :expires"
)
_OPEN_EXPRESSION = "SET opened_at = :at, expires = :expires"
_CLOSE_EXPRESSION = "SET expires = :expires REMOVE opened_at, failures, successes, since"
# The steps run in turn, because another process may begin the window between the first two.
_COUNT_STEPS = (
    (_COUNT_EXPRESSION, "since = :window"),
    (_NEW_WINDOW_EXPRESSION, "attribute_not_exists(since) OR since < :window"),
    (_COUNT_EXPRESSION, "since = :window"),
)


def circuit_store(table: str, clock: Clock, aws: AwsClients) -> CircuitStore:
    """Return the shared circuits when there is a table, else those of this process."""
    return CircuitTable(table, clock, aws) if table else InMemoryCircuitStore()


class CircuitTable:
    """The circuits that all processes share, as this process last read them."""

    def __init__(self, table: str, clock: Clock, aws: AwsClients) -> None:
        self._table, self._clock, self._aws = table, clock, aws
        self._local = InMemoryCircuitStore()
        self._pool = ThreadPoolExecutor(1)
        self._lock = threading.Lock()
        # name -> window, successes not yet written
        self._unwritten_successes: dict[str, tuple[int, int]] = {}
        self._refresh_at = 0.0
        self._write_count = 0

    def get_circuit(self, name: str) -> Circuit:
        """Return the circuit as currently known. Starts a new read of the table when the last one is old."""
        self.start_refresh()
        return self._local.get_circuit(name)

    def start_refresh(self) -> None:
        """Start a read in the background when the last one is old."""
        with self._lock:
            if self._clock.now() < self._refresh_at:
                return
            self._refresh_at = self._clock.now() + _REFRESH_SECONDS
        self._pool.submit(self._run_safely, self._refresh)

    def record_failure(self, name: str, window_start: int) -> Circuit:
        """Count one failure, and return the circuit with the counts of all processes."""
        self._local.record_failure(name, window_start)
        self._run_safely(
            lambda: self._add_counts(
                name, window_start, 1, self._take_successes(name, window_start)
            )
        )
        return self._local.get_circuit(name)

    def record_success(self, name: str, window_start: int) -> None:
        """Count one success. It is written only when there are failures to weigh it against."""
        self._local.record_success(name, window_start)
        with self._lock:
            counted_window, count = self._unwritten_successes.get(name, (window_start, 0))
            self._unwritten_successes[name] = (
                window_start,
                count + 1 if counted_window == window_start else 1,
            )

    def open_circuit(self, name: str, opened_at: int) -> None:
        """Open the circuit for all processes."""
        self._local.open_circuit(name, opened_at)
        self._run_safely(lambda: self._update_row(name, _OPEN_EXPRESSION, {"at": opened_at}))

    def claim_probe(self, name: str, expected_opened_at: int, opened_at: int) -> bool:
        """Set `opened_at` from the expected to the new value. Return False when another process changed it first."""
        values = {"at": opened_at, "seen": expected_opened_at}
        is_claimed = self._run_safely(
            lambda: self._update_row(name, _OPEN_EXPRESSION, values, "opened_at = :seen")
        )
        if is_claimed is None:  # the table cannot be used
            return self._local.claim_probe(name, expected_opened_at, opened_at)
        if not is_claimed:  # another process was faster; until the next read, assume the same time
            self._local.open_circuit(name, max(expected_opened_at, opened_at))
        return is_claimed

    def close_circuit(self, name: str) -> None:
        """Close the circuit for all processes."""
        self._local.close_circuit(name)
        self._run_safely(lambda: self._update_row(name, _CLOSE_EXPRESSION, {}))

    def all_circuits(self) -> Mapping[str, Circuit]:
        """Return every known circuit."""
        self.start_refresh()
        return self._local.all_circuits()

    @property
    def _client(self) -> DynamoDBClient:
        client: DynamoDBClient = self._aws.client("dynamodb", _CLIENT_CONFIG)
        return client

    def _run_safely(self, operation: Callable[[], bool]) -> bool | None:
        """Return the operation's result, or None when the table failed. A failure goes to the log, for the operator."""
        try:
            return operation()
        except Exception as error:
            _log.warning("the table of circuits cannot be used", exc_info=error)
            return None

    def _refresh(self) -> bool:
        """Take over every row, and add this process's successes to rows with failures."""
        write_count = self._write_count
        # One page of results suffices, because there is only one row per provider.
        rows = self._client.scan(TableName=self._table, ConsistentRead=True)["Items"]
        circuits_by_name = {row["id"]["S"]: _parse_row(row) for row in rows}
        if self._write_count == write_count:  # otherwise newer values were written during the read
            self._local.merge(circuits_by_name)
        for name, circuit in circuits_by_name.items():
            if circuit.failures and (successes := self._take_successes(name, circuit.window_start)):
                self._add_counts(name, circuit.window_start, 0, successes)
        return True

    def _take_successes(self, name: str, window_start: int) -> int:
        """Return the unwritten successes of that window, and mark them as written."""
        with self._lock:
            if self._unwritten_successes.get(name, (None, 0))[0] != window_start:
                return 0
            return self._unwritten_successes.pop(name)[1]

    def _add_counts(self, name: str, window_start: int, failures: int, successes: int) -> bool:
        values = {"window": window_start, "failures": failures, "successes": successes}
        return any(
            self._update_row(name, expression, values, condition)
            for expression, condition in _COUNT_STEPS
        )

    def _update_row(
        self, name: str, expression: str, values: Mapping[str, int], condition: str = ""
    ) -> bool:
        """Update a row and take over its new values. Return False when the condition does not hold."""
        all_values = {**values, "expires": self._clock.unix_time() + _ROW_TTL_SECONDS}
        request: dict[str, Any] = {
            "UpdateExpression": expression,
            "ExpressionAttributeValues": {
                f":{key}": {"N": str(number)} for key, number in all_values.items()
            },
            **({"ConditionExpression": condition} if condition else {}),
        }
        try:
            response = self._client.update_item(
                TableName=self._table, Key={"id": {"S": name}}, ReturnValues="ALL_NEW", **request
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        self._write_count += 1
        self._local.merge({name: _parse_row(response["Attributes"])})
        return True


def _parse_row(row: Mapping[str, Any]) -> Circuit:
    numbers = {key: int(value["N"]) for key, value in row.items() if "N" in value}
    return Circuit(
        numbers.get("since", 0),
        numbers.get("failures", 0),
        numbers.get("successes", 0),
        numbers.get("opened_at"),
    )
