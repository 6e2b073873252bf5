"""An SQS queue as the gateway's queues use it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from retouch.infrastructure.aws.clients import AwsClients, ClientConfig

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_log = logging.getLogger("retouch")


class SqsQueue:
    """The URL of a queue, its client, and the call that several queues make."""

    def __init__(self, url: str, aws: AwsClients, config: ClientConfig) -> None:
        self.url = url
        self._aws, self._config = aws, config

    @property
    def client(self) -> SQSClient:
        """Return the client. It is created when the first call needs it."""
        client: SQSClient = self._aws.client("sqs", self._config)
        return client

    def delay(self, receipt: str, seconds: int) -> None:
        """Deliver a received message again after this time. If this fails, it comes at its usual time."""
        try:
            self.client.change_message_visibility(
                QueueUrl=self.url, ReceiptHandle=receipt, VisibilityTimeout=seconds
            )
        except Exception as error:  # boto3 raises many errors
            _log.warning("a message's visibility timeout was not changed", exc_info=error)
