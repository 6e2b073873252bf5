"""The put of an object that must not replace another one of the same key."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_MAX_RACES = 5
_EXISTS, _RACE = "PreconditionFailed", "ConditionalRequestConflict"


def put_if_absent(client: S3Client, bucket: str, key: str, data: bytes, content_type: str) -> bool:
    """Return whether the object was stored. False: there is one already, perhaps this one. Raises botocore's errors."""
    from botocore.exceptions import ClientError

    for race in range(_MAX_RACES):
        try:
            client.put_object(
                Bucket=bucket, Key=key, Body=data, ContentType=content_type, IfNoneMatch="*"
            )
            return True
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == _EXISTS:
                return False
            if code != _RACE or race == _MAX_RACES - 1:
                raise
    raise AssertionError("the last race raises")
