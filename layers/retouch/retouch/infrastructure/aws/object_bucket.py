"""A bucket as its stores use it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import TYPE_CHECKING

from retouch.infrastructure.aws.clients import AwsClients, ClientConfig
from retouch.infrastructure.aws.object_access import ObjectAccess, OpenObject, WrittenObject
from retouch.infrastructure.aws.signed_clients import ServiceError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

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
        """Return boto3's client, for the other operations. It is created when the first call needs it."""
        client: S3Client = self._aws.client("s3", self._config)
        return client

    @property
    def objects(self) -> ObjectAccess:
        """Return the client of the bucket's objects, which does not need boto3 on Lambda."""
        return self._aws.objects(self._config)

    def open(self, key: str) -> OpenObject | None:
        """Return an object whose bytes are not read yet, or None when there is no such object."""
        return self.objects.open(self.name, key)

    def put(self, key: str, data: bytes, content_type: str, metadata: Mapping[str, str]) -> None:
        """Store an object, in place of one of the same key."""
        stored = WrittenObject(
            self.name, key, data, _checksum(data), content_type, metadata=metadata
        )
        self.objects.write(stored)

    def put_if_absent(self, key: str, data: bytes, content_type: str) -> bool:
        """Return whether the object was stored. False: there is one already, perhaps this one."""
        stored = WrittenObject(
            self.name, key, data, _checksum(data), content_type, only_if_absent=True
        )
        for race in range(_MAX_RACES):
            try:
                self.objects.write(stored)
                return True
            except ServiceError as error:
                if error.code == _EXISTS:
                    return False
                if error.code != _RACE or race == _MAX_RACES - 1:
                    raise
        raise AssertionError("the last race raises")


def _checksum(data: bytes) -> str:
    return b64encode(sha256(data).digest()).decode()
