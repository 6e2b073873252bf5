"""The mirror's messages: dead letters, requests to try again, and events for the event bus."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from retouch.core.settings import Settings
from retouch.infrastructure.aws.clients import AwsClients
from retouch.infrastructure.aws.event_bus import EventBus
from retouch.mirror.messages import SENT_ATTRIBUTE, TRIES_ATTRIBUTE, QueueMessage
from retouch.mirror.retry_decision import DeadLetter, Requeue, retry_delay

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_log = logging.getLogger("retouch")
_MAX_REASON_LENGTH = 1_000  # characters


class MirrorMessaging:
    """The clients of SQS and EventBridge, for the queues and the bus that are configured."""

    def __init__(self, settings: Settings, aws: AwsClients) -> None:
        self._settings, self._aws = settings, aws

    @property
    def has_dead_letter_queue(self) -> bool:
        """Return whether a dead-letter queue is configured."""
        return bool(self._settings.mirror_dlq_url)

    @property
    def has_request_queue(self) -> bool:
        """Return whether the queue of requests is configured."""
        return bool(self._settings.mirror_queue_url)

    def send_to_dlq(self, dead_letter: DeadLetter) -> None:
        """Send a dead letter to the dead-letter queue, with its code and reason. Raises SQS's errors."""
        reason = "".join(c if c.isprintable() else " " for c in dead_letter.reason)[
            :_MAX_REASON_LENGTH
        ]
        self._sqs.send_message(
            QueueUrl=self._settings.mirror_dlq_url,
            MessageBody=dead_letter.body,
            MessageAttributes={
                "code": {"DataType": "String", "StringValue": dead_letter.code},
                "reason": {"DataType": "String", "StringValue": reason},
            },
        )

    def send_requeue(self, requeue: Requeue, message: QueueMessage) -> None:
        """Send the rest of a message's request to the queue. Raises SQS's errors."""
        attributes = {TRIES_ATTRIBUTE: requeue.tries, SENT_ATTRIBUTE: message.sent_at_ms}
        self._sqs.send_message(
            QueueUrl=self._settings.mirror_queue_url,
            MessageBody=requeue.body,
            DelaySeconds=requeue.delay_seconds,
            MessageAttributes={
                name: {"DataType": "Number", "StringValue": str(number)}
                for name, number in attributes.items()
            },
        )

    def shorten_visibility(self, message: QueueMessage) -> None:
        """Let the queue deliver a message again sooner. If this fails, the queue delivers it later anyway."""
        if not (self._settings.mirror_queue_url and message.receipt_handle):
            return
        try:
            self._sqs.change_message_visibility(
                QueueUrl=self._settings.mirror_queue_url,
                ReceiptHandle=message.receipt_handle,
                VisibilityTimeout=retry_delay(message.receive_count),
            )
        except Exception as error:
            _log.warning("a message's visibility timeout was not changed", exc_info=error)

    def publish_events(self, cloud_events: Sequence[Mapping[str, Any]]) -> None:
        """Publish events to the event bus. Failures are only logged, because the objects are stored anyway."""
        if self._settings.event_bus:
            EventBus(self._settings.event_bus, self._aws).publish(cloud_events)

    @property
    def _sqs(self) -> SQSClient:
        client: SQSClient = self._aws.client("sqs")
        return client
