"""The mirror's objects in the bucket. Each is stored once and whole, and S3 checks it against its SHA-256."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from retouch.core.clock import Clock, backoff_delay
from retouch.core.settings import Settings
from retouch.infrastructure.aws.clients import AwsClients, ClientConfig
from retouch.infrastructure.aws.object_access import CONTENT_DISPOSITION, WrittenObject
from retouch.infrastructure.aws.signed_clients import ServiceError
from retouch.mirror.services import MakeLink, MirrorObject, ReceivedBody, StoreFailed

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# bytes; a larger body goes in parts, with one part in memory at a time
_MAX_SINGLE_PUT_BYTES = 16 * 1024 * 1024
_PART_BYTES = 8 * 1024 * 1024
_MAX_ATTEMPTS = 4  # for a key that another process is writing at the same time
_FIRST_RETRY_SECONDS = 0.2  # maximum seconds before the second attempt; doubled each time
_UNREACHABLE = "The bucket cannot be reached. Send this URL again."
_KEY_EXISTS_CODE, _KEY_BUSY_CODES = (
    "PreconditionFailed",
    ("ConditionalRequestConflict", "OperationAborted"),
)


class MirrorBucket:
    """Objects under `mirror/`. S3 itself rejects a second write to a key, and bytes that do not match their hash.

    If the bucket deletes mirrored images by their age, a second write replaces the object instead, which is then new.
    Otherwise a link could live longer than its object.
    """

    def __init__(self, settings: Settings, clock: Clock, aws: AwsClients) -> None:
        self.name, self._clock, self._aws = settings.bucket, clock, aws
        self._only_if_absent = not settings.mirror_days
        connections = max(10, settings.max_parallel_mirrors)
        self._client_config = ClientConfig(
            connect_timeout=5, read_timeout=30, max_attempts=4, max_connections=connections
        )

    def put(self, stored_object: MirrorObject, body: ReceivedBody) -> bool:
        """Store the object whole or not at all. Return False when the key exists. Raises StoreFailed."""
        send = self._put_single if body.size <= _MAX_SINGLE_PUT_BYTES else self._put_multipart
        return self._put_with_retries(lambda: send(stored_object, body))

    def put_response(self, key: str, document: bytes) -> None:
        """Write the response for a waiting request. Raises StoreFailed."""
        with _translate_errors():
            self.client.put_object(
                Bucket=self.name, Key=key, Body=document, ContentType="application/json"
            )

    def presign(self, key: str, lifetime: int, now: int) -> tuple[str, int | None]:
        """Return a link for `lifetime` seconds, and its end. It ends early when the credentials that sign it expire."""
        url = self._aws.objects(self._client_config).presign(self.name, key, lifetime)
        return url, now + lifetime

    @property
    def client(self) -> S3Client:
        """Return the S3 client, with one connection for each URL that is copied in parallel."""
        client: S3Client = self._aws.client("s3", self._client_config)
        return client

    def _put_with_retries(self, send: Callable[[], None]) -> bool:
        for attempt in range(1, _MAX_ATTEMPTS + 1):
            try:
                with _translate_errors():
                    send()
                return True
            except _KeyExists:
                return False
            except _KeyBusy as error:
                if attempt == _MAX_ATTEMPTS:
                    raise StoreFailed(
                        "The bucket is busy with this object. Send it again."
                    ) from error
                self._clock.sleep(backoff_delay(self._clock, _FIRST_RETRY_SECONDS, attempt))
        raise AssertionError("the last attempt returns or raises")

    def _put_single(self, stored_object: MirrorObject, body: ReceivedBody) -> None:
        with body.load() as data:
            stored = WrittenObject(
                self.name,
                stored_object.key,
                data,
                b64encode(body.sha256).decode(),
                stored_object.content_type,
                stored_object.cache_control,
                stored_object.metadata,
                self._only_if_absent,
            )
            try:
                self._aws.objects(self._client_config).write(stored)
            except OSError as error:
                raise StoreFailed(_UNREACHABLE) from error

    def _put_multipart(self, stored_object: MirrorObject, body: ReceivedBody) -> None:
        created = self.client.create_multipart_upload(
            ChecksumAlgorithm="SHA256", **self._object_arguments(stored_object)
        )
        upload: dict[str, Any] = {
            "Bucket": self.name,
            "Key": stored_object.key,
            "UploadId": created["UploadId"],
        }
        try:
            parts = [
                self._upload_part(upload, *part)
                for part in enumerate(body.read_parts(_PART_BYTES), 1)
            ]
            condition: dict[str, Any] = {"IfNoneMatch": "*"} if self._only_if_absent else {}
            self.client.complete_multipart_upload(
                MultipartUpload={"Parts": parts}, **condition, **upload
            )
        except BaseException:
            self._abort(upload)
            raise

    def _upload_part(self, upload: dict[str, Any], number: int, data: bytes) -> Any:
        checksum = b64encode(sha256(data).digest()).decode()
        response = self.client.upload_part(
            PartNumber=number, Body=data, ChecksumSHA256=checksum, **upload
        )
        return {"PartNumber": number, "ETag": response["ETag"], "ChecksumSHA256": checksum}

    def _abort(self, upload: dict[str, Any]) -> None:
        """Abort the upload. If that fails, the bucket's lifecycle rule removes the parts after a day."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self.client.abort_multipart_upload(**upload)
        except (BotoCoreError, ClientError):
            return

    def _object_arguments(self, stored_object: MirrorObject) -> dict[str, Any]:
        return {
            "Bucket": self.name,
            "Key": stored_object.key,
            "ContentType": stored_object.content_type,
            "ContentDisposition": CONTENT_DISPOSITION,
            "CacheControl": stored_object.cache_control,
            "Metadata": dict(stored_object.metadata),
        }


def permanent_links(base_url: str, days: int = 0) -> MakeLink:
    """Return a function that makes links below a CDN in front of the bucket.

    They end when the bucket deletes the object after `days`, or never if `days` is 0.
    """
    lifetime = days * 86_400
    return lambda key, _lifetime, now: (f"{base_url}/{key}", now + lifetime if days else None)


class _KeyExists(Exception):
    """There is an object of that key already."""


class _KeyBusy(Exception):
    """Another process writes an object of that key at the same time."""


@contextmanager
def _translate_errors() -> Iterator[None]:
    """Translate the errors of both clients to StoreFailed, or to those for a key that exists or is busy."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (ServiceError, ClientError) as error:
        code = error.response["Error"]["Code"]
        if code == _KEY_EXISTS_CODE:
            raise _KeyExists from None
        if code in _KEY_BUSY_CODES:
            raise _KeyBusy from None
        raise StoreFailed("The bucket did not accept the object. Send it again.") from error
    except BotoCoreError as error:
        raise StoreFailed(_UNREACHABLE) from error
