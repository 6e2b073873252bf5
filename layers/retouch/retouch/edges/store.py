"""The bucket: where results live, and the links to them. boto3 is loaded when the first link is asked for."""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import TYPE_CHECKING

from retouch.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class Bucket:
    """Results in S3, content-addressed, handed out as presigned links."""

    def __init__(self, settings: Settings) -> None:
        self._bucket = settings.bucket
        self._lifetime = settings.url_lifetime

    @cached_property
    def _client(self) -> S3Client:
        # 130 ms of import and set-up that most requests never need.
        import boto3
        from botocore.config import Config

        retries = Config(
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            retries={"mode": "standard", "max_attempts": 3},
        )
        return boto3.client("s3", config=retries)

    def put(self, data: bytes, format: str) -> str:
        """Store an encoded picture once; a link that works for `url_lifetime` seconds."""
        key = f"results/{hashlib.sha256(data).hexdigest()}.{format}"
        self._client.put_object(
            Bucket=self._bucket,
            Key=key,
            Body=data,
            ContentType=f"image/{format}",
            ContentDisposition="inline",
            CacheControl=f"private, max-age={self._lifetime}",
        )
        return self._client.generate_presigned_url(
            "get_object", Params={"Bucket": self._bucket, "Key": key}, ExpiresIn=self._lifetime
        )
