"""The files of exports in the bucket."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

from retouch.core.errors import UsageUnavailable
from retouch.infrastructure.aws.clients import AwsClients, ClientConfig

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_CLIENT_CONFIG = ClientConfig(connect_timeout=2, read_timeout=60, max_attempts=3)


class ExportBucket:
    """Compressed files of JSON lines."""

    def __init__(self, bucket: str, aws: AwsClients) -> None:
        self._bucket, self._aws = bucket, aws

    def put(self, key: str, file: IO[bytes]) -> None:
        """Store a file. Raises UsageUnavailable."""
        client: S3Client = self._aws.client("s3", _CLIENT_CONFIG)
        try:
            client.put_object(
                Bucket=self._bucket, Key=key, Body=file, ContentType="application/gzip"
            )
        except Exception as error:  # boto3 raises many errors
            raise UsageUnavailable("The file of an export cannot be stored.") from error
