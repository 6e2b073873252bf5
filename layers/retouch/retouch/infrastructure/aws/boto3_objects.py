"""S3 with boto3, where only boto3 finds the credentials, or reaches the endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from retouch.infrastructure.aws.object_access import (
    CONTENT_DISPOSITION,
    OpenObject,
    UploadForm,
    WrittenObject,
)
from retouch.infrastructure.aws.signed_clients import ServiceError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_CHUNK_BYTES = 262_144


class Boto3Objects:
    """The objects of S3, as `ObjectAccess` describes it."""

    def __init__(self, client: S3Client) -> None:
        self._client = client

    def write(self, stored: WrittenObject) -> None:
        """Store an object. Raises ServiceError and botocore's errors."""
        options: dict[str, Any] = {"IfNoneMatch": "*"} if stored.only_if_absent else {}
        if stored.cache_control:
            options["CacheControl"] = stored.cache_control
        try:
            self._client.put_object(
                Bucket=stored.bucket,
                Key=stored.key,
                Body=stored.data,
                ChecksumSHA256=stored.checksum_sha256,
                ContentType=stored.content_type,
                ContentDisposition=CONTENT_DISPOSITION,
                Metadata=dict(stored.metadata),
                **options,
            )
        except self._client.exceptions.ClientError as error:
            response = error.response
            status = response["ResponseMetadata"]["HTTPStatusCode"]
            raise ServiceError(status, response["Error"]["Code"], response) from error

    def open(self, bucket: str, key: str) -> OpenObject | None:
        """Return an object, or None when there is none of this key. Raises botocore's errors."""
        try:
            response = self._client.get_object(Bucket=bucket, Key=key)
        except self._client.exceptions.NoSuchKey:
            return None
        body = response["Body"]
        return OpenObject(
            response["ContentLength"],
            {name.lower(): value for name, value in response["Metadata"].items()},
            body.iter_chunks(_CHUNK_BYTES),
            body.close,
        )

    def presign(self, bucket: str, key: str, seconds: int) -> str:
        """Return a link to an object. Raises botocore's errors."""
        return self._client.generate_presigned_url(
            "get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=seconds
        )

    def create_form(self, form: UploadForm) -> dict[str, Any]:
        """Return the URL and the fields of a form. Raises botocore's errors."""
        return self._client.generate_presigned_post(
            form.bucket,
            form.key,
            Fields=dict(form.fields),
            Conditions=form.conditions,
            ExpiresIn=form.lifetime,
        )
