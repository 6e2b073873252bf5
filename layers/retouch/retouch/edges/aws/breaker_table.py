"""The circuits of all processes in one DynamoDB table: {id, since, failures, successes, opened_at, expires}.

Looking never waits: a thread reads the whole table, which has a row per provider, at most every few seconds. Writing
waits for a failure, for an opening, for a probe and its end. A success costs nothing, unless others have failed
lately: then it is added by the thread, to be weighed against their failures. Where the table fails, a process goes on
with what it knows by itself.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from retouch.breaker import Circuit, Circuits, OwnCircuits
from retouch.clock import Clock
from retouch.edges.aws.session import Aws, Terms

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_log = logging.getLogger("retouch")
_TERMS = Terms(connect=1, read=1, attempts=1)  # a failed edit waits for this
_FRESH = 5.0  # seconds until the table is read again
_KEPT = 86_400  # seconds until a row that nobody writes is removed
_COUNT = "ADD failures :failures, successes :successes SET expires = :expires"
_BEGIN = "SET since = :window, failures = :failures, successes = :successes, expires = :expires"
_OPEN = "SET opened_at = :at, expires = :expires"
_CLOSE = "SET expires = :expires REMOVE opened_at, failures, successes, since"
# In turn, because somebody else may begin the window between the first two.
_COUNTING = (
    (_COUNT, "since = :window"),
    (_BEGIN, "attribute_not_exists(since) OR since < :window"),
    (_COUNT, "since = :window"),
)


def circuits(table: str, clock: Clock, aws: Aws) -> Circuits:
    """Shared circuits where there is a table, else those of this process."""
    return BreakerTable(table, clock, aws) if table else OwnCircuits()


class BreakerTable:
    """Circuits that all processes share, as this one last saw them."""

    def __init__(self, table: str, clock: Clock, aws: Aws) -> None:
        self._table, self._clock, self._aws = table, clock, aws
        self._own = OwnCircuits()
        self._pool = ThreadPoolExecutor(1)
        self._lock = threading.Lock()
        self._unsaid: dict[str, tuple[int, int]] = {}  # name -> window, successes not yet written
        self._until = 0.0
        self._writes = 0

    def look(self, name: str) -> Circuit:
        """What is known at this moment; a new look at the table begins where the last is old."""
        self.warm()
        return self._own.look(name)

    def warm(self) -> None:
        """Start reading, where the last reading is old."""
        with self._lock:
            if self._clock.now() < self._until:
                return
            self._until = self._clock.now() + _FRESH
        self._pool.submit(self._guarded, self._read)

    def failed(self, name: str, window: int) -> Circuit:
        """One more failure; the circuit as all processes made it."""
        self._own.failed(name, window)
        self._guarded(lambda: self._add(name, window, 1, self._take(name, window)))
        return self._own.look(name)

    def succeeded(self, name: str, window: int) -> None:
        """One more success, to be written only if there are failures to weigh it against."""
        self._own.succeeded(name, window)
        with self._lock:
            since, count = self._unsaid.get(name, (window, 0))
            self._unsaid[name] = (window, count + 1 if since == window else 1)

    def open(self, name: str, at: int) -> None:
        """Open the circuit for everybody."""
        self._own.open(name, at)
        self._guarded(lambda: self._update(name, _OPEN, {"at": at}))

    def claim(self, name: str, seen: int, at: int) -> bool:
        """Set `opened_at` from `seen` to `at`; False where any process was faster."""
        values = {"at": at, "seen": seen}
        won = self._guarded(lambda: self._update(name, _OPEN, values, "opened_at = :seen"))
        if won is None:  # the table cannot be asked
            return self._own.claim(name, seen, at)
        if (
            not won
        ):  # somebody was faster, at about the same time as far as is known until the next look
            self._own.open(name, max(seen, at))
        return won

    def close(self, name: str) -> None:
        """Close the circuit for everybody."""
        self._own.close(name)
        self._guarded(lambda: self._update(name, _CLOSE, {}))

    def all(self) -> Mapping[str, Circuit]:
        """Every circuit that is known."""
        self.warm()
        return self._own.all()

    @property
    def _client(self) -> DynamoDBClient:
        client: DynamoDBClient = self._aws.client("dynamodb", _TERMS)
        return client

    def _guarded(self, work: Callable[[], bool]) -> bool | None:
        """The work's result; None where the table failed, which is nobody's concern but the operator's."""
        try:
            return work()
        except Exception as broken:
            _log.warning("the table of circuits cannot be used", exc_info=broken)
            return None

    def _read(self) -> bool:
        """Take over every row, and add to the failures of others what went well here."""
        writes = self._writes
        # A row per provider is far less than a page.
        rows = self._client.scan(TableName=self._table, ConsistentRead=True)["Items"]
        found = {row["id"]["S"]: _circuit(row) for row in rows}
        if self._writes == writes:  # what was written since is newer than what was read
            self._own.learn(found)
        for name, circuit in found.items():
            if circuit.failures and (successes := self._take(name, circuit.window)):
                self._add(name, circuit.window, 0, successes)
        return True

    def _take(self, name: str, window: int) -> int:
        """The successes of that window that nobody has been told of; now somebody is."""
        with self._lock:
            if self._unsaid.get(name, (None, 0))[0] != window:
                return 0
            return self._unsaid.pop(name)[1]

    def _add(self, name: str, window: int, failures: int, successes: int) -> bool:
        values = {"window": window, "failures": failures, "successes": successes}
        return any(self._update(name, change, values, only) for change, only in _COUNTING)

    def _update(self, name: str, change: str, values: Mapping[str, int], only: str = "") -> bool:
        """Change a row and take it over; False where the condition does not hold."""
        said = {**values, "expires": self._clock.unix() + _KEPT}
        request: dict[str, Any] = {
            "UpdateExpression": change,
            "ExpressionAttributeValues": {f":{key}": {"N": str(n)} for key, n in said.items()},
            **({"ConditionExpression": only} if only else {}),
        }
        try:
            answer = self._client.update_item(
                TableName=self._table, Key={"id": {"S": name}}, ReturnValues="ALL_NEW", **request
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        self._writes += 1
        self._own.learn({name: _circuit(answer["Attributes"])})
        return True


def _circuit(row: Mapping[str, Any]) -> Circuit:
    numbers = {key: int(value["N"]) for key, value in row.items() if "N" in value}
    return Circuit(
        numbers.get("since", 0),
        numbers.get("failures", 0),
        numbers.get("successes", 0),
        numbers.get("opened_at"),
    )
