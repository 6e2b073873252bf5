"""The response cache in the bucket: entries under `cache/`, each with its age. Nothing here raises."""

from __future__ import annotations

import logging

from retouch.core.clock import Clock
from retouch.core.settings import Settings
from retouch.infrastructure.aws.clients import AwsClients, ClientConfig
from retouch.infrastructure.aws.object_bucket import ObjectBucket

_log = logging.getLogger("retouch")
_KEY_PREFIX = "cache/"
# Short timeouts: when S3 does not respond, a provider call replaces the cached entry. The gateway limits its wait
# for a whole call. These timeouts end the call itself, which goes on in its thread after that.
_CLIENT_CONFIG = ClientConfig(connect_timeout=1, read_timeout=5, max_attempts=2)


class CacheBucket:
    """Entries in S3 under the names that `cache_key` makes. Without a bucket there are never any entries."""

    def __init__(self, settings: Settings, clock: Clock, aws: AwsClients) -> None:
        self._bucket = ObjectBucket(settings.bucket, aws, _CLIENT_CONFIG)
        self._clock = clock

    def get(self, key: str, max_age: int) -> bytes | None:
        """Return the bytes if they are younger than `max_age` seconds and than the writer's limit.

        Return None in every other case, also when S3 fails.
        """
        if not self._bucket.name:
            return None
        try:
            return self._read_entry(key, max_age)
        except Exception as error:  # boto3 raises many errors, and none of them may fail an edit
            _log.warning("the cache could not be read", exc_info=error)
            return None

    def put(self, key: str, data: bytes, max_age: int) -> None:
        """Store the bytes. They may be read until they are `max_age` seconds old."""
        if not self._bucket.name:
            return
        try:
            age = {"created": str(self._clock.unix_time()), "max-age": str(max_age)}
            self._bucket.put(_KEY_PREFIX + key, data, "application/octet-stream", age)
        except Exception as error:
            _log.warning("the cache could not be written", exc_info=error)

    def _read_entry(self, key: str, max_age: int) -> bytes | None:
        entry = self._bucket.open(_KEY_PREFIX + key)
        if entry is None:
            return None
        age = self._clock.unix_time() - int(entry.metadata["created"])
        if age > min(max_age, int(entry.metadata["max-age"])):
            entry.close()  # the bytes are not downloaded
            return None
        return entry.read()
