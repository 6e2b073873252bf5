"""Pictures fetched by the mirror instead of here: asked for over SQS, answered through the bucket.

For edits functions that shall have no way to the internet but their providers'. It reads as the fetcher does; the
mirror knows nothing of the policy, so what that says is held to here.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import orjson

from retouch.clock import Clock
from retouch.edges.aws.session import Aws
from retouch.guard.policy import Policy
from retouch.guard.refusals import REASONS, FetchError
from retouch.guard.url import parse
from retouch.mirror.order import ANSWERS, EDITS
from retouch.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef

_FIRST_LOOK, _SLOWEST_LOOK, _SLOWER = 0.3, 1.5, 1.4  # seconds between looks, and their growth
_WAY = 10.0  # seconds to the mirror and back, and for a mirror that is only starting
_UNREACHED = "The picture could not be fetched: the mirror cannot be reached. Send it again."
_log = logging.getLogger("retouch")
_MOST_ANSWER = 65_536  # bytes


class QueuedFetch:
    """`read` like Fetcher's, by way of the queue. Safe to share between threads."""

    def __init__(self, settings: Settings, clock: Clock, aws: Aws) -> None:
        self._settings, self._clock, self._aws = settings, clock, aws

    def read(self, url: str, deadline: float, policy: Policy) -> bytes:
        """The whole picture. FetchError as from the fetcher; "timeout" when no answer comes in time.

        `deadline` is on the clock's scale; the policy's total time and the way there count when they are shorter.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        policy.check(parse(url, policy.longest_url))
        ends = min(deadline, self._clock.now() + policy.total_seconds + _WAY)
        try:
            return self._picture(self._stored(url, ends), policy.most_bytes)
        except (BotoCoreError, ClientError) as error:
            _log.warning("the mirror could not be asked", exc_info=error)
            raise FetchError("upstream_error", _UNREACHED) from error

    def _stored(self, url: str, deadline: float) -> str:
        """The key under which the mirror put the picture."""
        answer = f"{ANSWERS}{uuid.uuid4()}.json"
        order = orjson.dumps({"url": url, "prefix": EDITS, "answer_to": answer}).decode()
        sqs = self._aws.client("sqs")
        sqs.send_message(QueueUrl=self._settings.mirror_queue, MessageBody=order)
        item = self._answer(answer, deadline)
        if item["error"]:
            raise _refusal(item)
        return str(item["key"])

    def _answer(self, key: str, deadline: float) -> Mapping[str, Any]:
        pause = _FIRST_LOOK
        while True:
            if self._clock.now() + pause >= deadline:
                raise FetchError("timeout")
            self._clock.sleep(pause)
            found = self._object(key)
            if found:
                return _read(found["Body"].read(_MOST_ANSWER))
            pause = min(pause * _SLOWER, _SLOWEST_LOOK)

    def _picture(self, key: str, most_bytes: int) -> bytes:
        found = self._object(key) if key.startswith(EDITS) else None
        if not found:
            raise FetchError("bad_answer")
        if found["ContentLength"] > most_bytes:
            raise FetchError("too_large")
        return found["Body"].read()

    def _object(self, key: str) -> GetObjectOutputTypeDef | None:
        s3: S3Client = self._aws.client("s3")
        try:
            return s3.get_object(Bucket=self._settings.bucket, Key=key)
        except s3.exceptions.NoSuchKey:
            return None


def _read(document: bytes) -> Mapping[str, Any]:
    try:
        item = orjson.loads(document)
    except ValueError:
        raise FetchError("bad_answer") from None
    if not isinstance(item, Mapping) or not item.keys() >= {"key", "error", "reason", "transient"}:
        raise FetchError("bad_answer")
    return item


def _refusal(item: Mapping[str, Any]) -> FetchError:
    """The fetcher's own error where it was one; else what the mirror itself found, in its words."""
    if item["reason"] in REASONS:
        return FetchError(item["reason"])
    reason = "upstream_error" if item["transient"] else "not_an_image"
    return FetchError(reason, str(item["error"]["message"]))
