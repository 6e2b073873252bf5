"""What batches need from the outside: a table of rows, the bucket, the queues, and what has become of their jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.rows import RowTable
from retouch.orders.jobs import JobStores, QueuedMessage


class ContentStore(Protocol):
    """The bucket. Every method raises OrdersUnavailable when it cannot be used."""

    def put(self, key: str, data: bytes) -> None:
        """Store an object. An object that is there already stays."""

    def copy(self, source: str, target: str) -> None:
        """Copy an object within the bucket. It must exist."""

    def size(self, key: str) -> int | None:
        """Return the number of bytes of an object, or None when there is none."""

    def read(self, key: str, start: int, length: int) -> bytes:
        """Return a range of an object. It must exist."""

    def delete(self, key: str) -> None:
        """Delete an object."""

    def sign(self, key: str, name: str) -> str:
        """Return a link for a download under this file name, which works for a few minutes."""


class StepQueue(Protocol):
    """The queue of the workers, for the next step of a batch."""

    def send(self, message: QueuedMessage, delay_seconds: int = 0) -> None:
        """Send a message, to be delivered after a delay of at most 15 minutes. Raises OrdersUnavailable."""


class LineQueue(Protocol):
    """The queue of the lines of batches. Jobs of callers who wait have another one, so they overtake batches."""

    def send_all(self, messages: Sequence[QueuedMessage]) -> None:
        """Send the messages of jobs. Raises OrdersUnavailable."""

    def delay(self, receipt: str, seconds: int) -> None:
        """Deliver a received message again after this time. A failure goes to the log."""


class LineCounts(Protocol):
    """The jobs of a batch that have ended, counted where they are stored."""

    def count_batch(self, batch: str) -> Mapping[str, int]:
        """Return the number of jobs by their end: "completed", "failed" or "cancelled". It may be late, never early.

        Raises OrdersUnavailable.
        """


@frozen_dataclass
class BatchStores:
    """What batches need from the outside."""

    rows: RowTable
    contents: ContentStore
    steps: StepQueue
    lines: LineQueue
    counts: LineCounts
    jobs: JobStores
