"""The objects of inboxes in S3."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from retouch.inbox.store import InboxFile, InboxUnavailable, ListedObject, WrittenFile
from retouch.infrastructure.aws.clients import AwsClients, ClientConfig

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_CLIENT_CONFIG = ClientConfig(read_timeout=20, max_attempts=3)
_MAX_SIBLINGS = 100
_MISSING_CODES = ("NoSuchKey", "404", "NotFound")
_CONFLICT_CODES = ("PreconditionFailed", "412", "ConditionalRequestConflict", "409")
_Result = TypeVar("_Result")


class InboxBuckets:
    """The buckets of inboxes, which the role of the function may read and write in part."""

    def __init__(self, aws: AwsClients) -> None:
        self._aws = aws

    def read(self, bucket: str, key: str, etag: str = "") -> InboxFile | None:
        """Return an object. None: there is none, or it is not the version with this ETag."""
        condition: Any = {"IfMatch": etag} if etag else {}

        def get() -> InboxFile:
            response = self._client.get_object(Bucket=bucket, Key=key, **condition)
            return _to_file(response, response["Body"].read())

        return _run(get, key, (*_MISSING_CODES, *_CONFLICT_CODES), None)

    def read_metadata(self, bucket: str, key: str) -> InboxFile | None:
        """Return an object without its data, or None."""
        return _run(
            lambda: _to_file(self._client.head_object(Bucket=bucket, Key=key), b""),
            key,
            _MISSING_CODES,
            None,
        )

    def list_objects(self, bucket: str, prefix: str) -> Sequence[ListedObject]:
        """Return the first objects with this prefix."""

        def list_page() -> Sequence[ListedObject]:
            response = self._client.list_objects_v2(
                Bucket=bucket, Prefix=prefix, MaxKeys=_MAX_SIBLINGS
            )
            return [
                ListedObject(one["Key"], one["ETag"].strip('"'), one["Size"])
                for one in response.get("Contents", [])
            ]

        return _run(list_page, prefix, (), [])

    def write(self, file: WrittenFile, replaces: str) -> bool:
        """Write an object in place of the one with the ETag `replaces`, or of none. Return whether that was there."""
        condition: Any = {"IfMatch": replaces} if replaces else {"IfNoneMatch": "*"}

        def put() -> bool:
            self._client.put_object(
                Bucket=file.bucket,
                Key=file.key,
                Body=file.data,
                ContentType=file.content_type,
                Metadata=dict(file.metadata),
                **condition,
            )
            return True

        # The object that was to be replaced may be gone.
        return _run(put, file.key, (*_CONFLICT_CODES, *_MISSING_CODES), False)

    @property
    def _client(self) -> S3Client:
        client: S3Client = self._aws.client("s3", _CLIENT_CONFIG)
        return client


def _run(
    call: Callable[[], _Result], key: str, other_codes: Sequence[str], otherwise: _Result
) -> _Result:
    """Return what the call returns, or `otherwise` after an error with one of the codes. Raises InboxUnavailable."""
    from botocore.exceptions import ClientError

    try:
        return call()
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code in other_codes:
            return otherwise
        raise _unavailable_error(key) from error
    except Exception as error:  # boto3 raises many errors
        raise _unavailable_error(key) from error


def _to_file(response: Any, data: bytes) -> InboxFile:
    return InboxFile(
        data,
        response["ETag"].strip('"'),
        response.get("Metadata", {}),
        response["LastModified"].timestamp(),
    )


def _unavailable_error(key: str) -> InboxUnavailable:
    return InboxUnavailable(f"The object {key!r} cannot be read or written now.")
