"""The files of batches and their inputs in the bucket, under `files/` and `batches/`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from retouch.core.errors import OrdersUnavailable
from retouch.infrastructure.aws.clients import AwsClients, ClientConfig
from retouch.infrastructure.aws.object_bucket import ObjectBucket

Result = TypeVar("Result")
# A copy of 200 MB takes seconds.
_CLIENT_CONFIG = ClientConfig(connect_timeout=1, read_timeout=60, max_attempts=3)
_LINK_SECONDS = 300
_MEDIA_TYPE = "application/jsonl"
_MISSING = ("404", "NoSuchKey", "NotFound")


class BatchBucket:
    """Objects in S3. `If-None-Match` makes S3 refuse a second object of the same key."""

    def __init__(self, bucket: str, aws: AwsClients) -> None:
        self._bucket = ObjectBucket(bucket, aws, _CLIENT_CONFIG)

    def put(self, key: str, data: bytes) -> None:
        """Store an object. An object that is there already stays."""
        self._run(lambda: self._bucket.put_if_absent(key, data, _MEDIA_TYPE))

    def copy(self, source: str, target: str) -> None:
        """Copy an object within the bucket."""
        self._run(
            lambda: self._bucket.client.copy_object(
                Bucket=self._bucket.name,
                Key=target,
                CopySource={"Bucket": self._bucket.name, "Key": source},
            )
        )

    def size(self, key: str) -> int | None:
        """Return the number of bytes of an object, or None when there is none."""
        return self._run(lambda: self._size(key))

    def read(self, key: str, start: int, length: int) -> bytes:
        """Return a range of an object."""
        byte_range = f"bytes={start}-{start + length - 1}"
        return self._run(
            lambda: self._bucket.client.get_object(
                Bucket=self._bucket.name, Key=key, Range=byte_range
            )["Body"].read()
        )

    def delete(self, key: str) -> None:
        """Delete an object."""
        self._run(lambda: self._bucket.client.delete_object(Bucket=self._bucket.name, Key=key))

    def sign(self, key: str, name: str) -> str:
        """Return a link for a download under this file name, which works for a few minutes."""
        parameters = {
            "Bucket": self._bucket.name,
            "Key": key,
            "ResponseContentDisposition": f'attachment; filename="{name}"',
        }
        return self._run(
            lambda: self._bucket.client.generate_presigned_url(
                "get_object", Params=parameters, ExpiresIn=_LINK_SECONDS
            )
        )

    def _run(self, operation: Callable[[], Result]) -> Result:
        try:
            return operation()
        except Exception as error:  # boto3 raises many errors
            raise OrdersUnavailable(
                "The files of batches cannot be used. Send the request again.", retry_after=2
            ) from error

    def _size(self, key: str) -> int | None:
        from botocore.exceptions import ClientError

        try:
            return self._bucket.client.head_object(Bucket=self._bucket.name, Key=key)[
                "ContentLength"
            ]
        except ClientError as error:
            if error.response["Error"]["Code"] in _MISSING:
                return None
            raise
