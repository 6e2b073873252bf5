"""The decision after a queued request: done, try again, or send to the dead-letter queue with a reason."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from retouch.core.errors import InvalidRequest
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.mirror.request import MirrorRequest
from retouch.mirror.result import MirrorResult

MAX_TRIES = 4  # per URL; the queue also delivers one message at most this often
_FIRST_RETRY_SECONDS = 10  # seconds
_MAX_RETRY_SECONDS = 300


@frozen_dataclass
class DeadLetter:
    """A dead letter: the request to send again once the cause is removed, and the cause."""

    body: str
    code: str
    reason: str


@frozen_dataclass
class Requeue:
    """A part of a request that goes into the queue again, as a request of its own."""

    body: str
    tries: int  # the tries that its URLs have already used
    delay_seconds: int  # seconds until it is delivered


@frozen_dataclass
class RetryDecision:
    """The unfinished parts of a request: the dead letter, and the parts to try again."""

    dead_letter: DeadLetter | None
    requeues: tuple[Requeue, ...]


def decide_retry(
    request: MirrorRequest, results: Sequence[MirrorResult], receive_count: int
) -> RetryDecision:
    """Decide about the unfinished URLs of a request that was received `receive_count` times, this time included.

    A URL for which the function had no time does not use up a try, as long as other URLs had time. The request gets
    smaller each time, so this ends. When no URL had time, it counts as a try.
    """
    out_of_time = [result for result in results if result.is_out_of_time]
    if len(out_of_time) == len(results):
        out_of_time = []
    retryable = [
        result
        for result in results
        if result.transient and result not in out_of_time and receive_count < MAX_TRIES
    ]
    finished = [
        result for result in results if result not in out_of_time and result not in retryable
    ]
    return RetryDecision(
        failure_dead_letter(request, finished),
        (
            *_requeue_failed(request, out_of_time, receive_count - 1, 0),
            *_requeue_failed(request, retryable, receive_count, retry_delay(receive_count)),
        ),
    )


def failure_dead_letter(
    request: MirrorRequest, results: Sequence[MirrorResult]
) -> DeadLetter | None:
    """Return the dead letter with the URLs that failed and will not be tried again, or None when all succeeded."""
    missing = {result.source_url: result.error for result in results if result.error}
    if not missing:
        return None
    first = next(iter(missing.values()))
    return DeadLetter(_partial_request(request, missing), first.code, first.message)


def unreadable_dead_letter(body: str, error: InvalidRequest) -> DeadLetter:
    """Return the dead letter of a message that is not a valid request."""
    return DeadLetter(body, str(error.code), str(error))


def unanswered_dead_letter(body: str) -> DeadLetter:
    """Return the dead letter of a request whose response cannot be written to the bucket."""
    return DeadLetter(body, "store_failed", "The response could not be written to the bucket.")


def should_retry(results: Sequence[MirrorResult]) -> bool:
    """Return whether to repeat the whole request. The repeated request uses the objects that are already stored."""
    return any(result.transient for result in results)


def retry_delay(receive_count: int) -> int:
    """Return the seconds until the message is received again.

    Links expire within minutes, so this is shorter than the queue's own visibility timeout.
    """
    return int(min(_FIRST_RETRY_SECONDS * 3 ** (receive_count - 1), _MAX_RETRY_SECONDS))


def _requeue_failed(
    request: MirrorRequest, results: Sequence[MirrorResult], tries: int, delay_seconds: int
) -> tuple[()] | tuple[Requeue]:
    urls = dict.fromkeys(result.source_url for result in results)
    return (Requeue(_partial_request(request, urls), tries, delay_seconds),) if urls else ()


def _partial_request(request: MirrorRequest, urls: Iterable[str]) -> str:
    """Return the JSON of the same request for only these URLs."""
    fields: dict[str, Any] = {
        "urls": list(urls),
        "prefix": request.prefix,
        "metadata": request.metadata,
        "expires_in": request.expires_in,
    }
    return orjson.dumps(fields).decode()
