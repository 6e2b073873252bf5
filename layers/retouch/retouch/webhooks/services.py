"""What webhooks need from the outside: a table, a queue, and a client for requests to endpoints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Protocol

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.rows import RowTable


class DeliveryQueue(Protocol):
    """The queue of deliveries. A message only names a delivery, and it may arrive twice."""

    def send(self, scope: str, delivery_id: str) -> None:
        """Send a delivery to the senders. Raises WebhooksUnavailable."""

    def delay(self, receipt: str, seconds: int) -> None:
        """Deliver a received message again after this time. A failure goes to the log."""


@frozen_dataclass
class EventRequest:
    """A signed request to an endpoint."""

    url: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@frozen_dataclass
class EventResponse:
    """What came of a request. Without a response the status is 0."""

    status: int
    milliseconds: int
    reason: str = ""  # why there was no response
    retry_after: float | None = None  # seconds

    @property
    def is_accepted(self) -> bool:
        """Whether the endpoint has the event. A redirect is a failure."""
        return 200 <= self.status < 300


class EventClient(Protocol):
    """The client for requests to endpoints. It connects to public addresses only."""

    def check(self, url: str) -> None:
        """Raise FetchError when the URL policy forbids the URL or an address of its host."""

    def post(self, request: EventRequest) -> EventResponse:
        """Send a request once. It follows no redirect and raises nothing."""


@frozen_dataclass
class WebhookServices:
    """What webhooks need from the outside, and the pauses between attempts in seconds."""

    table: RowTable
    queue: DeliveryQueue
    client: EventClient
    schedule: tuple[int, ...]
