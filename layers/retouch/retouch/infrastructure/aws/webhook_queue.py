"""The queue of deliveries in SQS."""

from __future__ import annotations

import orjson

from retouch.core.errors import WebhooksUnavailable
from retouch.infrastructure.aws.clients import AwsClients, ClientConfig
from retouch.infrastructure.aws.sqs_queue import SqsQueue
from retouch.webhooks.messages import MAX_DELAY_SECONDS, delivery_message

_CLIENT_CONFIG = ClientConfig(connect_timeout=1, read_timeout=5, max_attempts=3)
_RETRY_AFTER_SECONDS = 2


class DeliverySqsQueue:
    """The queue that the senders read."""

    def __init__(self, url: str, aws: AwsClients) -> None:
        self._queue = SqsQueue(url, aws, _CLIENT_CONFIG)

    def send(self, scope: str, delivery_id: str) -> None:
        """Send a delivery to the senders."""
        try:
            body = orjson.dumps(delivery_message(scope, delivery_id)).decode()
            self._queue.client.send_message(QueueUrl=self._queue.url, MessageBody=body)
        except Exception as error:  # boto3 raises many errors
            raise WebhooksUnavailable(
                "The queue of webhooks cannot be used. Send the request again.",
                retry_after=_RETRY_AFTER_SECONDS,
            ) from error

    def delay(self, receipt: str, seconds: int) -> None:
        """Deliver a received message again after this time. If this fails, it comes at its usual time."""
        self._queue.delay(receipt, min(seconds, MAX_DELAY_SECONDS))
