"""Image fetches by the mirror function. The request goes over SQS, and the result comes back through the bucket.

This is for edit functions whose only internet access is to their providers. The interface is the fetcher's. The
mirror does not know the fetch policy, so this client enforces it.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from typing import Any

import orjson

from retouch.core.clock import Clock
from retouch.core.settings import Settings
from retouch.core.url_policy.errors import REASONS, FetchError
from retouch.core.url_policy.policy import FetchPolicy
from retouch.core.url_policy.url import parse_url
from retouch.infrastructure.aws.clients import AwsClients, ClientConfig
from retouch.infrastructure.aws.object_bucket import ObjectBucket
from retouch.infrastructure.aws.signed_clients import ServiceError
from retouch.mirror.request import EDIT_PREFIX, RESPONSE_PREFIX

# seconds between polls, and their growth
_FIRST_POLL_SECONDS, _MAX_POLL_SECONDS, _POLL_BACKOFF_FACTOR = 0.3, 1.5, 1.4
# seconds for both queue and bucket, and for the cold start of the mirror
_MIRROR_OVERHEAD_SECONDS = 10.0
_MIRROR_UNREACHABLE = (
    "The image could not be fetched: the mirror cannot be reached. Send the request again."
)
_log = logging.getLogger("retouch")
_MAX_RESPONSE_BYTES = 65_536  # bytes


class QueuedFetcher:
    """A client with `read` like Fetcher's, over the queue. Threads may share it."""

    def __init__(self, settings: Settings, clock: Clock, aws: AwsClients) -> None:
        self._settings, self._clock, self._aws = settings, clock, aws
        self._bucket = ObjectBucket(settings.bucket, aws, ClientConfig())

    def read(self, url: str, deadline: float, policy: FetchPolicy) -> bytes:
        """Return the whole image. Raises FetchError like the fetcher, and "timeout" when no result arrives in time.

        `deadline` is on the clock's scale. The policy's total time plus the mirror's overhead also applies.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        policy.check_url(parse_url(url, policy.max_url_length))
        effective_deadline = min(
            deadline, self._clock.now() + policy.total_seconds + _MIRROR_OVERHEAD_SECONDS
        )
        try:
            data = self._read_image(self._request_copy(url, effective_deadline), policy.max_bytes)
        except (BotoCoreError, ClientError, ServiceError, OSError) as error:
            _log.warning("the mirror could not be reached", exc_info=error)
            raise FetchError("upstream_error", _MIRROR_UNREACHABLE) from error
        if not policy.accepts(data):
            raise policy.unsupported_format_error()
        return data

    def _request_copy(self, url: str, deadline: float) -> str:
        """Return the key under which the mirror stored the image."""
        response_key = f"{RESPONSE_PREFIX}{uuid.uuid4()}.json"
        message_body = orjson.dumps(
            {"url": url, "prefix": EDIT_PREFIX, "answer_to": response_key}
        ).decode()
        sqs = self._aws.client("sqs")
        sqs.send_message(QueueUrl=self._settings.mirror_queue_url, MessageBody=message_body)
        result = self._wait_for_result(response_key, deadline)
        if result["error"]:
            raise _fetch_error(result)
        return str(result["key"])

    def _wait_for_result(self, key: str, deadline: float) -> Mapping[str, Any]:
        poll_seconds = _FIRST_POLL_SECONDS
        while True:
            if self._clock.now() + poll_seconds >= deadline:
                raise FetchError("timeout")
            self._clock.sleep(poll_seconds)
            stored_object = self._bucket.open(key)
            if stored_object:
                return _parse_result(stored_object.read(_MAX_RESPONSE_BYTES))
            poll_seconds = min(poll_seconds * _POLL_BACKOFF_FACTOR, _MAX_POLL_SECONDS)

    def _read_image(self, key: str, max_bytes: int) -> bytes:
        stored_object = self._bucket.open(key) if key.startswith(EDIT_PREFIX) else None
        if not stored_object:
            raise FetchError("bad_answer")
        if stored_object.size > max_bytes:
            stored_object.close()
            raise FetchError("too_large")
        return stored_object.read()


def _parse_result(document: bytes) -> Mapping[str, Any]:
    try:
        result = orjson.loads(document)
    except ValueError:
        raise FetchError("bad_answer") from None
    if not isinstance(result, Mapping) or not result.keys() >= {
        "key",
        "error",
        "reason",
        "transient",
    }:
        raise FetchError("bad_answer")
    return result


def _fetch_error(result: Mapping[str, Any]) -> FetchError:
    """Return the fetcher's own error if there is one, else an error with the mirror's message."""
    if result["reason"] in REASONS:
        return FetchError(result["reason"])
    reason = "upstream_error" if result["transient"] else "not_an_image"
    return FetchError(reason, str(result["error"]["message"]))
