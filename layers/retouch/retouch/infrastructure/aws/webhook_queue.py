"""The queue of deliveries in SQS."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import orjson

from retouch.core.errors import WebhooksUnavailable
from retouch.infrastructure.aws.clients import AwsClients, ClientConfig
from retouch.webhooks.messages import MAX_DELAY_SECONDS, delivery_message

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_log = logging.getLogger("retouch")
_CLIENT_CONFIG = ClientConfig(connect_timeout=1, read_timeout=5, max_attempts=3)
_RETRY_AFTER_SECONDS = 2


class DeliverySqsQueue:
    """The queue that the senders read."""

    def __init__(self, url: str, aws: AwsClients) -> None:
        self._url, self._aws = url, aws

    def send(self, scope: str, delivery_id: str) -> None:
        """Send a delivery to the senders."""
        try:
            body = orjson.dumps(delivery_message(scope, delivery_id)).decode()
            self._client.send_message(QueueUrl=self._url, MessageBody=body)
        except Exception as error:  # boto3 raises many errors
            raise WebhooksUnavailable(
                "The queue of webhooks cannot be used. Send the request again.",
                retry_after=_RETRY_AFTER_SECONDS,
            ) from error

    def delay(self, receipt: str, seconds: int) -> None:
        """Deliver a received message again after this time. If this fails, it comes at its usual time."""
        try:
            self._client.change_message_visibility(
                QueueUrl=self._url,
                ReceiptHandle=receipt,
                VisibilityTimeout=min(seconds, MAX_DELAY_SECONDS),
            )
        except Exception as error:
            _log.warning("a message's visibility timeout was not changed", exc_info=error)

    @property
    def _client(self) -> SQSClient:
        client: SQSClient = self._aws.client("sqs", _CLIENT_CONFIG)
        return client
