"""The mirror's side of the bucket: each object once, whole, checked by S3 against its SHA-256."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from retouch.clock import Clock, backoff
from retouch.edges.aws.session import Aws, Terms
from retouch.mirror.yard import Asset, Body, Link, StoreFailed
from retouch.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_WHOLE = 16 * 1024 * 1024  # bytes; more goes in parts, so that no more than one is in memory
_PART = 8 * 1024 * 1024
_ATTEMPTS = 4  # at writing a key that somebody else is writing at this moment
_PAUSE = 0.2  # seconds at most before the second attempt, doubled each time
_TAKEN, _BUSY = "PreconditionFailed", ("ConditionalRequestConflict", "OperationAborted")


class MirrorStore:
    """Objects under `mirror/`. S3 itself refuses a second one and bytes that are not those of the hash."""

    def __init__(self, settings: Settings, clock: Clock, aws: Aws) -> None:
        self.name, self._clock, self._aws = settings.bucket, clock, aws
        connections = max(10, settings.mirror_parallel)
        self._terms = Terms(connect=5, read=30, attempts=4, connections=connections)

    def put(self, asset: Asset, body: Body) -> bool:
        """Store whole or not at all; False when the key is taken. Raises StoreFailed."""
        send = self._at_once if body.size <= _WHOLE else self._in_parts
        return self._once(lambda: send(asset, body))

    def answer(self, key: str, document: bytes) -> None:
        """Leave an answer for whoever waits for it. Raises StoreFailed."""
        with _told():
            self.client.put_object(
                Bucket=self.name, Key=key, Body=document, ContentType="application/json"
            )

    def presigned(self, key: str, lifetime: int, now: int) -> tuple[str, int | None]:
        """A link for `lifetime` seconds. It ends sooner where the credentials that sign it do."""
        url = self.client.generate_presigned_url(
            "get_object", Params={"Bucket": self.name, "Key": key}, ExpiresIn=lifetime
        )
        return url, now + lifetime

    @property
    def client(self) -> S3Client:
        """S3, with a connection for each URL that is copied at once."""
        client: S3Client = self._aws.client("s3", self._terms)
        return client

    def _once(self, send: Callable[[], None]) -> bool:
        from botocore.exceptions import ClientError

        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with _told():
                    send()
                return True
            except ClientError as error:
                if error.response["Error"]["Code"] == _TAKEN:
                    return False
                if attempt == _ATTEMPTS:
                    raise StoreFailed(
                        "The bucket is busy with this object. Send it again."
                    ) from error
                self._clock.sleep(backoff(self._clock, _PAUSE, attempt))
        raise AssertionError("the last attempt returns or raises")

    def _at_once(self, asset: Asset, body: Body) -> None:
        with body.whole() as data:
            self.client.put_object(
                Body=data,
                ChecksumSHA256=b64encode(body.sha256).decode(),
                IfNoneMatch="*",
                **self._named(asset),
            )

    def _in_parts(self, asset: Asset, body: Body) -> None:
        started = self.client.create_multipart_upload(
            ChecksumAlgorithm="SHA256", **self._named(asset)
        )
        upload: dict[str, Any] = {
            "Bucket": self.name,
            "Key": asset.key,
            "UploadId": started["UploadId"],
        }
        try:
            parts = [self._part(upload, *part) for part in enumerate(body.parts(_PART), 1)]
            self.client.complete_multipart_upload(
                MultipartUpload={"Parts": parts}, IfNoneMatch="*", **upload
            )
        except BaseException:
            self._abort(upload)
            raise

    def _part(self, upload: dict[str, Any], number: int, data: bytes) -> Any:
        checksum = b64encode(sha256(data).digest()).decode()
        sent = self.client.upload_part(
            PartNumber=number, Body=data, ChecksumSHA256=checksum, **upload
        )
        return {"PartNumber": number, "ETag": sent["ETag"], "ChecksumSHA256": checksum}

    def _abort(self, upload: dict[str, Any]) -> None:
        """Whatever stays behind is removed by the bucket's own rule after a day."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self.client.abort_multipart_upload(**upload)
        except (BotoCoreError, ClientError):
            return

    def _named(self, asset: Asset) -> dict[str, Any]:
        return {
            "Bucket": self.name,
            "Key": asset.key,
            "ContentType": asset.content_type,
            "ContentDisposition": "inline",  # of the three types that are let in, none can run
            "CacheControl": asset.cache_control,
            "Metadata": dict(asset.metadata),
        }


def permanent(base_url: str) -> Link:
    """Links below a CDN in front of the bucket."""
    return lambda key, _lifetime, _now: (f"{base_url}/{key}", None)


@contextmanager
def _told() -> Iterator[None]:
    """What boto3 raises as StoreFailed, but for a key that is taken or busy."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == _TAKEN or code in _BUSY:
            raise
        raise StoreFailed("The bucket did not take the object. Send it again.") from error
    except BotoCoreError as error:
        raise StoreFailed("The bucket cannot be reached. Send it again.") from error
