"""Several mirror requests at once: each distinct URL is copied once, a few in parallel.

Each request gets its results in the order of its URLs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from itertools import zip_longest

from retouch.mirror.copy import copy_url, out_of_time_result
from retouch.mirror.request import MirrorRequest
from retouch.mirror.result import MirrorResult
from retouch.mirror.services import MirrorServices

_DedupKey = tuple[str, str, tuple[tuple[str, str], ...], int]


def mirror_urls(
    requests: Sequence[MirrorRequest], services: MirrorServices, deadline: float
) -> list[list[MirrorResult]]:
    """Return one list of results per request. At the deadline, the unfinished URLs get an out-of-time result."""
    unique = {_dedup_key(url, request): (url, request) for url, request in _interleave(requests)}
    pool = ThreadPoolExecutor(min(services.settings.max_parallel_mirrors, max(len(unique), 1)))
    try:
        futures = {
            key: pool.submit(copy_url, url, request, services, deadline)
            for key, (url, request) in unique.items()
        }
        wait(futures.values(), timeout=max(deadline - services.clock.now(), 0.0))
        return [
            [_result_or_timeout(url, futures[_dedup_key(url, request)]) for url in request.urls]
            for request in requests
        ]
    finally:
        # Copies that still run are harmless: an object is stored whole or not at all, under its content's hash.
        pool.shutdown(wait=False, cancel_futures=True)


def _interleave(requests: Sequence[MirrorRequest]) -> Iterator[tuple[str, MirrorRequest]]:
    """Yield every request's first URL, then every request's second, and so on.

    A long request then cannot use all of the time.
    """
    for row in zip_longest(*(request.urls for request in requests)):
        for url, request in zip(row, requests, strict=True):
            if url is not None:
                yield url, request


def _dedup_key(url: str, request: MirrorRequest) -> _DedupKey:
    """Return the values that make two copies the same one."""
    return url, request.prefix, tuple(sorted(request.metadata.items())), request.expires_in


def _result_or_timeout(url: str, future: Future[MirrorResult]) -> MirrorResult:
    return future.result() if future.done() else out_of_time_result(url)
