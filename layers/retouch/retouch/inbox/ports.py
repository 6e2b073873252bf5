"""The ports of event-driven edits: what they need from AWS or from local files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from retouch.core.errors import Fault
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.inbox.recipe_cache import RecipeCache
from retouch.inbox.store import InboxStore


class MessageNotSent(Fault):
    """A message about an edit was not taken. The same message may be sent again."""

    status = 503
    code = "message_not_sent"


class EventMessages(Protocol):
    """The messages that event-driven edits send. Every method raises MessageNotSent."""

    def publish(self, event: Mapping[str, Any]) -> None:
        """Publish a CloudEvent on the bus. Without a bus, do nothing."""

    def reply(self, queue_arn: str, document: Mapping[str, Any], identifier: str) -> None:
        """Send a document to a queue. A FIFO queue drops a second message with the identifier."""

    def succeed_task(self, token: str, output: Mapping[str, Any]) -> None:
        """End the state that waits with this token. A state that does not wait any more is no error."""

    def fail_task(self, token: str, error: str, cause: str) -> None:
        """End the state that waits with this token as failed. A state that does not wait any more is no error."""

    def send_heartbeat(self, token: str) -> None:
        """Tell the state that waits with this token that the edit is still made."""

    def reject(self, body: str, code: str, reason: str, first_id: str) -> None:
        """Send a message that nobody can work on to the dead-letter queue of events."""


@frozen_dataclass
class EventPorts:
    """The objects of the inboxes, and the messages about edits."""

    store: InboxStore
    recipes: RecipeCache
    messages: EventMessages
