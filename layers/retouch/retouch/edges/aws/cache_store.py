"""The cache's side of the bucket: entries under `cache/`, each with its age. Nothing here ever raises."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from retouch.clock import Clock
from retouch.edges.aws.session import Aws, Terms
from retouch.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_log = logging.getLogger("retouch")
_PREFIX = "cache/"
# Loses seconds, not minutes, where S3 does not answer: an edit can be bought instead.
_TERMS = Terms(connect=1, read=5)


class CacheStore:
    """Entries in S3 under the names that `cache.key` makes. Without a bucket nothing is ever found."""

    def __init__(self, settings: Settings, clock: Clock, aws: Aws) -> None:
        self._bucket, self._clock, self._aws = settings.bucket, clock, aws

    def get(self, key: str, max_age: int) -> bytes | None:
        """The bytes, if younger than `max_age` seconds and than its writer allowed; None for any other reason too."""
        if not self._bucket:
            return None
        try:
            return self._read(key, max_age)
        except Exception as broken:  # boto3 raises many things, none of which is worth an edit
            _log.warning("the cache could not be read", exc_info=broken)
            return None

    def put(self, key: str, data: bytes, max_age: int) -> None:
        """Keep the bytes for reading until they are `max_age` seconds old."""
        if not self._bucket:
            return
        try:
            self._client.put_object(
                Bucket=self._bucket,
                Key=_PREFIX + key,
                Body=data,
                ContentType="application/octet-stream",
                Metadata={"created": str(self._clock.unix()), "max-age": str(max_age)},
            )
        except Exception as broken:
            _log.warning("the cache could not be written", exc_info=broken)

    @property
    def _client(self) -> S3Client:
        client: S3Client = self._aws.client("s3", _TERMS)
        return client

    def _read(self, key: str, max_age: int) -> bytes | None:
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=_PREFIX + key)
        except self._client.exceptions.NoSuchKey:
            return None
        said, body = answer["Metadata"], answer["Body"]
        age = self._clock.unix() - int(said["created"])
        if age > min(max_age, int(said["max-age"])):
            body.close()  # its bytes are not fetched
            return None
        return body.read()
