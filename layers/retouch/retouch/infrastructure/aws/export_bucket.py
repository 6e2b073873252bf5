"""The files of exports in the bucket."""

from __future__ import annotations

from typing import IO

from retouch.core.errors import UsageUnavailable
from retouch.infrastructure.aws.clients import AwsClients, ClientConfig
from retouch.infrastructure.aws.object_bucket import ObjectBucket

_CLIENT_CONFIG = ClientConfig(connect_timeout=2, read_timeout=60, max_attempts=3)


class ExportBucket:
    """Compressed files of JSON lines."""

    def __init__(self, bucket: str, aws: AwsClients) -> None:
        self._bucket = ObjectBucket(bucket, aws, _CLIENT_CONFIG)

    def put(self, key: str, file: IO[bytes]) -> None:
        """Store a file. Raises UsageUnavailable."""
        try:
            self._bucket.client.put_object(
                Bucket=self._bucket.name, Key=key, Body=file, ContentType="application/gzip"
            )
        except Exception as error:  # boto3 raises many errors
            raise UsageUnavailable("The file of an export cannot be stored.") from error
