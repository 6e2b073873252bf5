"""A bucket as its stores use it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retouch.infrastructure.aws.clients import AwsClients, ClientConfig

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef

_MAX_RACES = 5
_EXISTS, _RACE = "PreconditionFailed", "ConditionalRequestConflict"


class ObjectBucket:
    """The name of a bucket, its client, and the calls that several stores make. They raise botocore's errors."""

    def __init__(self, name: str, aws: AwsClients, config: ClientConfig) -> None:
        self.name = name
        self._aws, self._config = aws, config

    @property
    def client(self) -> S3Client:
        """Return the client. It is created when the first call needs it."""
        client: S3Client = self._aws.client("s3", self._config)
        return client

    def open(self, key: str) -> GetObjectOutputTypeDef | None:
        """Return the response with an object, whose body is not read yet, or None when there is no such object."""
        try:
            return self.client.get_object(Bucket=self.name, Key=key)
        except self.client.exceptions.NoSuchKey:
            return None

    def put_if_absent(self, key: str, data: bytes, content_type: str) -> bool:
        """Return whether the object was stored. False: there is one already, perhaps this one."""
        from botocore.exceptions import ClientError

        for race in range(_MAX_RACES):
            try:
                self.client.put_object(
                    Bucket=self.name, Key=key, Body=data, ContentType=content_type, IfNoneMatch="*"
                )
                return True
            except ClientError as error:
                code = error.response["Error"]["Code"]
                if code == _EXISTS:
                    return False
                if code != _RACE or race == _MAX_RACES - 1:
                    raise
        raise AssertionError("the last race raises")
