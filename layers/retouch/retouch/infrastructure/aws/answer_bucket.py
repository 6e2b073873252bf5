"""The answers of orders in the bucket, under `orders/`. The first answer of an order stays."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from retouch.core.errors import OrdersUnavailable
from retouch.infrastructure.aws.clients import AwsClients, ClientConfig
from retouch.infrastructure.aws.object_bucket import ObjectBucket
from retouch.orders.answer_format import decode_answer, encode_answer
from retouch.orders.order import StoredAnswer

Result = TypeVar("Result")
_log = logging.getLogger("retouch")
_CLIENT_CONFIG = ClientConfig(connect_timeout=1, read_timeout=10, max_attempts=3)


class AnswerBucket:
    """Answers in S3. `If-None-Match` makes S3 refuse a second answer of an order."""

    def __init__(self, bucket: str, aws: AwsClients) -> None:
        self._bucket = ObjectBucket(bucket, aws, _CLIENT_CONFIG)

    def put(self, order_id: str, answer: StoredAnswer) -> StoredAnswer:
        """Store the answer, and return it. If the order has one already, return that one."""
        data = encode_answer(answer)
        if self._run(lambda: self._put(order_id, data)):
            return answer
        stored = self.get(order_id)
        if stored is None:
            raise _unavailable_error()
        if stored != answer:
            _log.warning("the order has another answer already", extra={"order": order_id})
        return stored

    def get(self, order_id: str) -> StoredAnswer | None:
        """Return the answer of an order, or None when there is none that can be read."""
        data = self._run(lambda: self._get(order_id))
        return None if data is None else decode_answer(order_id, data)

    def delete(self, order_id: str) -> None:
        """Delete the answer of an order, if there is one."""
        key = _object_key(order_id)
        self._run(lambda: self._bucket.client.delete_object(Bucket=self._bucket.name, Key=key))

    def _run(self, operation: Callable[[], Result]) -> Result:
        try:
            return operation()
        except Exception as error:  # boto3 raises many errors
            raise _unavailable_error() from error

    def _put(self, order_id: str, data: bytes) -> bool:
        key = _object_key(order_id)
        return self._bucket.put_if_absent(key, data, "application/octet-stream")

    def _get(self, order_id: str) -> bytes | None:
        response = self._bucket.open(_object_key(order_id))
        return response.read() if response else None


def _object_key(order_id: str) -> str:
    return f"orders/{order_id}/answer"


def _unavailable_error() -> OrdersUnavailable:
    return OrdersUnavailable("The answers of orders cannot be used. Send the request again.")
