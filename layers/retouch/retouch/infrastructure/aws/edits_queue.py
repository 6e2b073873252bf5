"""The queue of edits in SQS, and the requests of jobs in the bucket beside the answers of orders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import orjson

from retouch.core.errors import OrdersUnavailable
from retouch.infrastructure.aws.clients import AwsClients, ClientConfig
from retouch.infrastructure.aws.object_bucket import ObjectBucket
from retouch.infrastructure.aws.sqs_queue import SqsQueue
from retouch.orders.jobs import QueuedMessage

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

_CLIENT_CONFIG = ClientConfig(connect_timeout=1, read_timeout=10, max_attempts=3)
_RETRY_AFTER_SECONDS = 2
_MAX_ENTRIES = 10  # of a call of SendMessageBatch


class EditsSqsQueue:
    """The queue that the workers read."""

    def __init__(self, url: str, aws: AwsClients) -> None:
        self._queue = SqsQueue(url, aws, _CLIENT_CONFIG)

    def send(self, message: QueuedMessage, delay_seconds: int = 0) -> None:
        """Send a message to the workers, to be delivered after a delay of at most 15 minutes."""
        try:
            self._queue.client.send_message(
                QueueUrl=self._queue.url,
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
                response = self._queue.client.send_message_batch(
                    QueueUrl=self._queue.url, Entries=entries
                )
            except Exception as error:
                raise _unavailable_error() from error
            if response.get("Failed"):
                raise _unavailable_error()

    def delay(self, receipt: str, seconds: int) -> None:
        """Deliver a received message again after this time. If this fails, it comes at its usual time."""
        self._queue.delay(receipt, seconds)


class RequestBucket:
    """The requests of jobs in S3."""

    def __init__(self, bucket: str, aws: AwsClients) -> None:
        self._bucket = ObjectBucket(bucket, aws, _CLIENT_CONFIG)

    def put(self, order_id: str, data: bytes) -> None:
        """Store the request of an order."""
        key = _object_key(order_id)
        try:
            self._bucket.put(key, data, "application/octet-stream", {})
        except Exception as error:
            raise _unavailable_error() from error

    def get(self, order_id: str) -> bytes | None:
        """Return the request of an order, or None."""
        try:
            response = self._bucket.open(_object_key(order_id))
            return response.read() if response else None
        except Exception as error:
            raise _unavailable_error() from error

    def delete(self, order_id: str) -> None:
        """Delete the request of an order, if there is one."""
        key = _object_key(order_id)
        try:
            self._bucket.client.delete_object(Bucket=self._bucket.name, Key=key)
        except Exception as error:
            raise _unavailable_error() from error


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
