"""The handler of the webhooks function: a batch of SQS messages goes in, and the messages to deliver again come out.

A message only names a delivery. Its record decides whether an attempt is due.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from math import ceil
from typing import Any

from retouch.api.events.sources import parse_messages
from retouch.core.clock import Clock
from retouch.core.settings import Settings
from retouch.gateway.webhook_access import webhook_pepper
from retouch.mirror.messages import QueueMessage
from retouch.webhooks.messages import decode_message
from retouch.webhooks.sender import Sender
from retouch.webhooks.services import WebhookServices

_log = logging.getLogger("retouch")
_FAILED_PAUSE_SECONDS = 30  # after a failure of the stores
Handler = Callable[[Any, Any], Mapping[str, Any]]


def build_handler(
    services: WebhookServices,
    clock: Clock,
    read_settings: Callable[[], Settings],
    record_disabled: Callable[[str], None],
) -> Handler:
    """Return the Lambda handler.

    `read_settings` returns the settings with the secrets. `record_disabled` counts an endpoint that was disabled.
    """

    def handler(event: Any, context: Any) -> Mapping[str, Any]:
        settings = read_settings()
        remaining = context.get_remaining_time_in_millis() / 1000
        lease_seconds = ceil(remaining + settings.lease_margin)
        sender = Sender(services, clock, webhook_pepper(settings), record_disabled, lease_seconds)
        messages = parse_messages(event)
        queues = [_queue_name(record) for record in event["Records"]]
        unfinished = [
            message
            for message, queue in zip(messages, queues, strict=True)
            if _process(message, sender, is_dead=queue == settings.webhooks_dead_letters)
        ]
        return {"batchItemFailures": [{"itemIdentifier": message.id} for message in unfinished]}

    return handler


def _process(message: QueueMessage, sender: Sender, *, is_dead: bool) -> bool:
    """Work on a message. Return whether it must come again, after the pause that it now has."""
    named = decode_message(message.body)
    if named is None:
        _log.warning(
            "a message of the queue of webhooks names no delivery", extra={"id": message.id}
        )
        return False
    try:
        pause = sender.abandon(*named) if is_dead else sender.process(*named)
    except Exception as error:
        _log.warning("a delivery could not be worked on", exc_info=error)
        pause = _FAILED_PAUSE_SECONDS
    if pause is None:
        return False
    if not is_dead:
        sender.services.queue.delay(message.receipt_handle, pause)
    return True


def _queue_name(record: Mapping[str, Any]) -> str:
    return str(record.get("eventSourceARN") or "").rpartition(":")[2]
