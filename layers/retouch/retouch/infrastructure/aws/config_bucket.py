"""The saved configs in the stack's bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retouch.core.errors import GatewayMisconfigured
from retouch.core.settings import Settings
from retouch.infrastructure.aws.clients import AwsClients

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_MAX_CONFIG_BYTES = 262_144  # a config with the maximum number of targets is far smaller


class ConfigBucket:
    """The reader of the bucket's objects under configs/. It reads nothing else."""

    def __init__(self, settings: Settings, aws: AwsClients) -> None:
        self._bucket, self._aws = settings.bucket, aws

    @property
    def _client(self) -> S3Client:
        client: S3Client = self._aws.client("s3")
        return client

    def read(self, key: str) -> bytes | None:
        """Return the object at "configs/...", or None when there is no object or no bucket.

        Raises GatewayMisconfigured when S3 fails.
        """
        if not self._bucket:
            return None
        try:
            return self._get_object(key)
        except Exception as error:
            raise GatewayMisconfigured(
                "The gateway cannot read its saved configs. Tell the gateway's operator.",
                code="gateway_not_configured",
            ) from error

    def _get_object(self, key: str) -> bytes | None:
        try:
            response = self._client.get_object(Bucket=self._bucket, Key=key)
        except self._client.exceptions.NoSuchKey:
            return None
        return response["Body"].read(_MAX_CONFIG_BYTES)
