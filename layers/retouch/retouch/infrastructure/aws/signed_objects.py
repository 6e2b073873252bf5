"""S3 without boto3: objects are written, read and presigned with the credentials of the environment.

The URLs are path-style URLs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from retouch.infrastructure.aws.object_access import (
    CONTENT_DISPOSITION,
    OpenObject,
    UploadForm,
    WrittenObject,
)
from retouch.infrastructure.aws.request_signature import (
    UNSIGNED_PAYLOAD,
    encode_path,
    presign_url,
    sign_form,
)
from retouch.infrastructure.aws.signed_clients import ServiceError, SignedSender
from retouch.infrastructure.http1.errors import InvalidResponse
from retouch.infrastructure.http1.response import Response

_METADATA_PREFIX = "x-amz-meta-"


class SignedObjects:
    """The objects of S3, as `ObjectAccess` describes it."""

    def __init__(self, sender: SignedSender) -> None:
        self._sender = sender

    def write(self, stored: WrittenObject) -> None:
        """Store an object. Raises ServiceError and OSError."""
        headers = {
            **({"cache-control": stored.cache_control} if stored.cache_control else {}),
            "content-disposition": CONTENT_DISPOSITION,
            "content-type": stored.content_type,
            "x-amz-checksum-sha256": stored.checksum_sha256,
            "x-amz-sdk-checksum-algorithm": "SHA256",
            **{f"{_METADATA_PREFIX}{name}": value for name, value in stored.metadata.items()},
            **({"if-none-match": "*"} if stored.only_if_absent else {}),
        }
        path = f"/{stored.bucket}/{stored.key}"
        self._sender.send("PUT", path, headers, stored.data, UNSIGNED_PAYLOAD)

    def open(self, bucket: str, key: str) -> OpenObject | None:
        """Return an object, or None when there is none of this key. Raises ServiceError and OSError."""
        try:
            response = self._sender.open(f"/{bucket}/{key}")
        except ServiceError as error:
            if error.code == "NoSuchKey":
                return None
            raise
        headers = response.headers.to_dict()
        metadata = {
            name.removeprefix(_METADATA_PREFIX): value
            for name, value in headers.items()
            if name.startswith(_METADATA_PREFIX)
        }
        size = _read_size(response)
        chunks = _iter_chunks(response, self._sender.body_seconds(size))
        return OpenObject(size, metadata, chunks, response.close)

    def presign(self, bucket: str, key: str, seconds: int) -> str:
        """Return a link to an object."""
        sender = self._sender
        path = f"/{bucket}/{key}"
        return presign_url(sender.endpoint, path, seconds, sender.environment, sender.unix_time())

    def create_form(self, form: UploadForm) -> dict[str, Any]:
        """Return the URL and the fields of a form."""
        conditions = [*form.conditions, {"bucket": form.bucket}, {"key": form.key}]
        signed = sign_form(
            conditions, form.lifetime, self._sender.environment, self._sender.unix_time()
        )
        url = self._sender.endpoint + encode_path(f"/{form.bucket}")
        return {"url": url, "fields": {**form.fields, "key": form.key, **signed}}


def _read_size(response: Response) -> int:
    """Return the number of bytes that the response states. Raises InvalidResponse, because callers limit the size."""
    stated = response.headers.get("content-length")
    if not (stated.isascii() and stated.isdigit()):
        response.close()
        raise InvalidResponse("the object has no length")
    return int(stated)


def _iter_chunks(response: Response, seconds: float) -> Iterator[bytes]:
    response.limit_time(seconds)
    yield from response.iter_body()
