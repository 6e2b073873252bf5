"""The bucket for results, with their links, and for uploads."""

from __future__ import annotations

import hashlib
import logging
import secrets
from base64 import b64encode
from typing import Any

from retouch.core.credentials.upload_ids import RANDOM_BYTES, make_upload_id
from retouch.core.errors import NotStored
from retouch.core.settings import Settings
from retouch.infrastructure.aws.clients import AwsClients, ClientConfig
from retouch.infrastructure.aws.object_access import UploadForm, WrittenObject
from retouch.infrastructure.aws.object_bucket import ObjectBucket

_log = logging.getLogger("retouch")
# The prefixes from which an input image may be read. Other objects and other buckets are never read.
_READABLE_PREFIXES = ("results/", "uploads/")
# The gateway limits the whole of a put by the time that is left. These timeouts end the call of a bucket that does not
# respond, which goes on in its thread after that.
_CLIENT_CONFIG = ClientConfig(read_timeout=10, max_attempts=3)


class ResultsBucket:
    """Results in S3 under the hash of their content, with presigned links. Upload ids cannot be guessed."""

    def __init__(self, settings: Settings, aws: AwsClients) -> None:
        self._settings, self._aws = settings, aws
        self._bucket = ObjectBucket(settings.bucket, aws, _CLIENT_CONFIG)

    def put(self, data: bytes, format: str, folder: str = "results") -> str:
        """Store an encoded image under its content's hash, and return the key. Raises NotStored.

        An image that already exists is stored again, so that the bucket's lifecycle rule does not delete it before its
        link expires.
        """
        if not self._bucket.name:
            raise NotStored("There is no bucket for results: set RETOUCH_BUCKET on the gateway.")
        digest = hashlib.sha256(data)
        key = f"{folder}/{digest.hexdigest()}.{format}"
        stored = WrittenObject(
            self._bucket.name,
            key,
            data,
            b64encode(digest.digest()).decode(),
            content_type=f"image/{format}",
            cache_control=f"private, max-age={self._settings.result_url_seconds}",
        )
        try:
            self._bucket.objects.write(stored)
        # The clients raise many errors, and none of them may lose a paid image.
        except Exception as error:
            _log.error("the result was not stored", exc_info=error)
            raise NotStored("The bucket did not accept the result.") from error
        return key

    def sign(self, key: str, seconds: int) -> str:
        """Return a presigned link to an object. It expires early when the credentials that sign it expire.

        Raises NotStored when there are no credentials.
        """
        try:
            return self._bucket.objects.presign(self._bucket.name, key, seconds)
        except Exception as error:
            _log.error("a link was not signed", exc_info=error)
            raise NotStored("The link to the result could not be signed.") from error

    def create_upload(
        self, content_type: str, owner: str, max_bytes: int
    ) -> tuple[str, dict[str, Any]]:
        """Return a new upload's id, and the form ({"url", "fields"}) that S3 accepts for `upload_lifetime` seconds."""
        upload_id = make_upload_id(owner, secrets.token_hex(RANDOM_BYTES))
        form = UploadForm(
            self._bucket.name,
            f"uploads/{upload_id}",
            {"Content-Type": content_type},
            [{"Content-Type": content_type}, ["content-length-range", 1, max_bytes]],
            self._settings.upload_seconds,
        )
        return upload_id, self._bucket.objects.create_form(form)

    def read_upload(self, upload_id: str) -> bytes | None:
        """Return a finished upload's bytes, or None when there is none."""
        return self._read_input(f"uploads/{upload_id}") if self._bucket.name else None

    def read_object(self, name: str) -> bytes | None:
        """Return the object at "bucket/key", or None when it is absent or not readable here."""
        bucket, _, key = name.partition("/")
        is_readable = (
            self._bucket.name and bucket == self._bucket.name and key.startswith(_READABLE_PREFIXES)
        )
        return self._read_input(key) if is_readable else None

    def read_result(self, key: str) -> bytes | None:
        """Return a result of any size, or None when it is absent. It may be larger than what callers upload."""
        response = self._bucket.open(key) if self._bucket.name and key else None
        return response.read() if response else None

    def check_access(self) -> None:
        """Raise S3's error when the bucket cannot be used."""
        self._bucket.client.list_objects_v2(Bucket=self._bucket.name, Prefix="results/", MaxKeys=1)

    def _read_input(self, key: str) -> bytes | None:
        response = self._bucket.open(key)
        if response is None:
            return None
        if response.size > self._settings.max_upload_bytes:
            response.close()
            return None
        return response.read()
