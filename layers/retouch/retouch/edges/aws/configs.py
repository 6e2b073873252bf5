"""Saved configs in the stack's bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retouch.edges.aws.session import Aws
from retouch.errors import Misconfigured
from retouch.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_MOST_BYTES = 262_144  # a config of all targets that are allowed is far smaller


class ConfigShelf:
    """Reads the bucket's objects under configs/, and nothing else."""

    def __init__(self, settings: Settings, aws: Aws) -> None:
        self._bucket, self._aws = settings.bucket, aws

    @property
    def _client(self) -> S3Client:
        client: S3Client = self._aws.client("s3")
        return client

    def read(self, key: str) -> bytes | None:
        """The object at "configs/..."; None where there is none, or no bucket. Misconfigured where S3 says no."""
        if not self._bucket:
            return None
        try:
            return self._object(key)
        except Exception as broken:
            raise Misconfigured(
                "The gateway cannot read its saved configs. Tell the gateway's operator.",
                code="gateway_not_configured",
            ) from broken

    def _object(self, key: str) -> bytes | None:
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=key)
        except self._client.exceptions.NoSuchKey:
            return None
        return answer["Body"].read(_MOST_BYTES)
