"""The bucket: results with links to them, and uploads."""

from __future__ import annotations

import hashlib
import logging
import secrets
from base64 import b64encode
from typing import TYPE_CHECKING, Any

from retouch.edges.aws.session import Aws, Terms
from retouch.errors import NotStored
from retouch.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# What a picture of ours may be read from: never another bucket, never anything but pictures.
_READABLE = ("results/", "uploads/")
_TERMS = Terms(read=30, attempts=4)


class S3Bucket:
    """Results in S3, content-addressed, handed out as presigned links; uploads under ids nobody can guess."""

    def __init__(self, settings: Settings, aws: Aws) -> None:
        self._settings, self._aws = settings, aws
        self._bucket = settings.bucket

    @property
    def _client(self) -> S3Client:
        client: S3Client = self._aws.client("s3", _TERMS)
        return client

    def put(self, data: bytes, format: str) -> str:
        """Store an encoded picture under its content's name; its key. Raises NotStored.

        Stored anew where it is there already, so that it is not deleted for its age before its link ends.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        if not self._bucket:
            raise NotStored("There is no bucket for results: set RETOUCH_BUCKET on the gateway.")
        digest = hashlib.sha256(data)
        key = f"results/{digest.hexdigest()}.{format}"
        try:
            self._client.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=data,
                ChecksumSHA256=b64encode(digest.digest()).decode(),
                ContentType=f"image/{format}",
                ContentDisposition="inline",
                CacheControl=f"private, max-age={self._settings.url_lifetime}",
            )
        except (BotoCoreError, ClientError) as error:
            logging.getLogger("retouch").error("the result was not stored", exc_info=error)
            raise NotStored("The bucket did not take the result.") from error
        return key

    def sign(self, key: str, seconds: int) -> str:
        """A presigned link to an object; it also ends with the credentials that sign it."""
        return self._client.generate_presigned_url(
            "get_object", Params={"Bucket": self._bucket, "Key": key}, ExpiresIn=seconds
        )

    def invite(self, content_type: str) -> tuple[str, dict[str, Any]]:
        """A new upload: its id, and the form ({"url", "fields"}) that S3 takes until `upload_lifetime` is over."""
        upload_id = f"upload_{secrets.token_hex(16)}"
        form = self._client.generate_presigned_post(
            self._bucket,
            f"uploads/{upload_id}",
            Fields={"Content-Type": content_type},
            Conditions=[
                {"Content-Type": content_type},
                ["content-length-range", 1, self._settings.upload_bytes],
            ],
            ExpiresIn=self._settings.upload_lifetime,
        )
        return upload_id, form

    def upload(self, upload_id: str) -> bytes | None:
        """A finished upload's bytes; None when there is none."""
        return self._read(f"uploads/{upload_id}") if self._bucket else None

    def object(self, name: str) -> bytes | None:
        """The object at "bucket/key"; None when it is absent or not ours to read."""
        bucket, _, key = name.partition("/")
        ours = self._bucket and bucket == self._bucket and key.startswith(_READABLE)
        return self._read(key) if ours else None

    def reachable(self) -> None:
        """Raises what S3 says when the bucket cannot be used."""
        self._client.list_objects_v2(Bucket=self._bucket, Prefix="results/", MaxKeys=1)

    def _read(self, key: str) -> bytes | None:
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=key)
        except self._client.exceptions.NoSuchKey:
            return None
        if answer["ContentLength"] > self._settings.upload_bytes:
            return None
        return answer["Body"].read()
