"""What the mirror needs from the outside for requests from queues. `retouch.infrastructure` implements it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from retouch.mirror.messages import QueueMessage
from retouch.mirror.result import MirrorResult
from retouch.mirror.retry_decision import DeadLetter, Requeue


class ResponseStore(Protocol):
    """The bucket, for responses that nobody waits for."""

    name: str

    def put_response(self, key: str, document: bytes) -> None:
        """Store a response."""


class Messaging(Protocol):
    """The queues and the event bus."""

    @property
    def has_dead_letter_queue(self) -> bool:
        """Whether a dead-letter queue is configured."""

    @property
    def has_request_queue(self) -> bool:
        """Whether the queue of requests is configured."""

    def send_to_dlq(self, dead_letter: DeadLetter) -> None:
        """Send a request that failed for good to the dead-letter queue."""

    def send_requeue(self, requeue: Requeue, message: QueueMessage) -> None:
        """Send the rest of a request as a message of its own."""

    def shorten_visibility(self, message: QueueMessage) -> None:
        """Have a message delivered again soon."""

    def publish_events(self, cloud_events: Sequence[Mapping[str, Any]]) -> None:
        """Publish events on the bus."""


class Telemetry(Protocol):
    """Logs and metrics."""

    @property
    def logger(self) -> Any:
        """The logger."""

    def record_request(
        self, source: str, milliseconds: float, results: Sequence[MirrorResult]
    ) -> None:
        """Record one finished request."""

    def record_request_age(self, seconds: float) -> None:
        """Record how old a request is at its next delivery."""

    def log_refusal(self, source: str, log_fields: Mapping[str, Any]) -> None:
        """Log a request that is invalid or not authenticated."""
