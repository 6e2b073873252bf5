"""The queue of edits in SQS, and the requests of jobs in the bucket beside the answers of orders."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

import orjson

from retouch.core.errors import OrdersUnavailable
from retouch.infrastructure.aws.clients import AwsClients, ClientConfig
from retouch.orders.jobs import QueuedMessage

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

_log = logging.getLogger("retouch")
_CLIENT_CONFIG = ClientConfig(connect_timeout=1, read_timeout=10, max_attempts=3)
_RETRY_AFTER_SECONDS = 2
_MAX_ENTRIES = 10  # of a call of SendMessageBatch


class EditsSqsQueue:
    """The queue that the workers read."""

    def __init__(self, url: str, aws: AwsClients) -> None:
        self._url, self._aws = url, aws

    def send(self, message: QueuedMessage, delay_seconds: int = 0) -> None:
        """Send a message to the workers, to be delivered after a delay of at most 15 minutes."""
        try:
            self._client.send_message(
                QueueUrl=self._url,
                MessageBody=message_body(message),
                DelaySeconds=delay_seconds,
            )
        except Exception as error:  # boto3 raises many errors
            raise _unavailable_error() from error

    def send_all(self, messages: Sequence[QueuedMessage]) -> None:
        """Send messages to the workers, ten in one call. Raises OrdersUnavailable when one of them was not accepted."""
        for start in range(0, len(messages), _MAX_ENTRIES):
            entries: list[SendMessageBatchRequestEntryTypeDef] = [
                {"Id": str(number), "MessageBody": message_body(message)}
                for number, message in enumerate(messages[start : start + _MAX_ENTRIES])
            ]
            try:
                response = self._client.send_message_batch(QueueUrl=self._url, Entries=entries)
            except Exception as error:
                raise _unavailable_error() from error
            if response.get("Failed"):
                raise _unavailable_error()

    def delay(self, receipt: str, seconds: int) -> None:
        """Deliver a received message again after this time. If this fails, it comes at its usual time."""
        try:
            self._client.change_message_visibility(
                QueueUrl=self._url, ReceiptHandle=receipt, VisibilityTimeout=seconds
            )
        except Exception as error:
            _log.warning("a message's visibility timeout was not changed", exc_info=error)

    @property
    def _client(self) -> SQSClient:
        client: SQSClient = self._aws.client("sqs", _CLIENT_CONFIG)
        return client


class RequestBucket:
    """The requests of jobs in S3."""

    def __init__(self, bucket: str, aws: AwsClients) -> None:
        self._bucket, self._aws = bucket, aws

    def put(self, order_id: str, data: bytes) -> None:
        """Store the request of an order."""
        try:
            self._client.put_object(Bucket=self._bucket, Key=_object_key(order_id), Body=data)
        except Exception as error:
            raise _unavailable_error() from error

    def get(self, order_id: str) -> bytes | None:
        """Return the request of an order, or None."""
        try:
            response = self._client.get_object(Bucket=self._bucket, Key=_object_key(order_id))
            return response["Body"].read()
        except self._client.exceptions.NoSuchKey:
            return None
        except Exception as error:
            raise _unavailable_error() from error

    def delete(self, order_id: str) -> None:
        """Delete the request of an order, if there is one."""
        try:
            self._client.delete_object(Bucket=self._bucket, Key=_object_key(order_id))
        except Exception as error:
            raise _unavailable_error() from error

    @property
    def _client(self) -> S3Client:
        client: S3Client = self._aws.client("s3", _CLIENT_CONFIG)
        return client


def message_body(message: QueuedMessage) -> str:
    """Return a message as text."""
    return orjson.dumps(message).decode()


def _object_key(order_id: str) -> str:
    return f"orders/{order_id}/request"


def _unavailable_error() -> OrdersUnavailable:
    return OrdersUnavailable(
        "The jobs cannot be used, so nothing was bought. Send the request again.",
        retry_after=_RETRY_AFTER_SECONDS,
    )
