"""A bucket as its stores use it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import TYPE_CHECKING

from retouch.infrastructure.aws.clients import AwsClients, ClientConfig
from retouch.infrastructure.aws.signed_clients import ServiceError, WrittenObject

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef

_MAX_RACES = 5
_EXISTS, _RACE = "PreconditionFailed", "ConditionalRequestConflict"


class ObjectBucket:
    """The name of a bucket, its client, and the calls that several stores make.

    They raise ServiceError, OSError and botocore's errors.
    """

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

    def put(self, key: str, data: bytes, content_type: str, metadata: Mapping[str, str]) -> None:
        """Store an object, in place of one of the same key."""
        stored = WrittenObject(
            self.name, key, data, _checksum(data), content_type, metadata=metadata
        )
        self._aws.write_object(stored, self._config)

    def put_if_absent(self, key: str, data: bytes, content_type: str) -> bool:
        """Return whether the object was stored. False: there is one already, perhaps this one."""
        stored = WrittenObject(
            self.name, key, data, _checksum(data), content_type, only_if_absent=True
        )
        for race in range(_MAX_RACES):
            try:
                self._aws.write_object(stored, self._config)
                return True
            except ServiceError as error:
                if error.code == _EXISTS:
                    return False
                if error.code != _RACE or race == _MAX_RACES - 1:
                    raise
        raise AssertionError("the last race raises")


def _checksum(data: bytes) -> str:
    return b64encode(sha256(data).digest()).decode()
