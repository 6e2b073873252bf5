"""What the handlers of the queue's messages get: the services, and the invocation of the worker function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from retouch.api.handlers.edits import Telemetry, request_deadline
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.gateway.services import Services
from retouch.inbox.ports import EventPorts
from retouch.orders.jobs import Pause, QueuedMessage


@frozen_dataclass
class WorkerContext:
    """One invocation of the worker function."""

    services: Services
    telemetry: Telemetry
    request_id: str
    deadline: float  # of the function, less a margin, on the clock's scale
    ports: EventPorts | None = None  # None: edits are neither started nor followed by events

    @property
    def lease_seconds(self) -> float:
        """The time after which this process has surely ended."""
        settings = self.services.settings
        remaining = self.deadline - self.services.clock.now()
        return remaining + settings.deadline_margin + settings.lease_margin


def worker_context(
    services: Services, telemetry: Telemetry, lambda_context: Any, ports: EventPorts | None
) -> WorkerContext:
    """Return the context of an invocation."""
    deadline = request_deadline(lambda_context, services)
    return WorkerContext(services, telemetry, str(lambda_context.aws_request_id), deadline, ports)


# Works on a message. Returns the pause before the message comes again, or None when it may be deleted.
WorkOnMessage = Callable[[QueuedMessage, WorkerContext], Pause | None]


class MessageKind(NamedTuple):
    """What a worker does with the messages of one kind. A message may arrive twice, late, or at two workers at once."""

    process: WorkOnMessage
    abandon: WorkOnMessage  # a message that was received too often, so that nothing stays open
