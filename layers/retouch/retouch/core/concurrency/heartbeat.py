"""A heartbeat while a slow task runs.

API Gateway closes a connection that is idle for five minutes (30 seconds with edge-optimized endpoints). An edit may
take fifteen minutes. `add_heartbeats` returns control to its reader at intervals, so that the reader can send a
keep-alive.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing
from contextvars import copy_context
from math import isinf
from queue import Empty, SimpleQueue
from typing import TypeVar

T = TypeVar("T")
_END_OF_ITEMS = object()
# The threads are reused, because starting one costs a fifth of a small edit's CPU time.
_PRODUCER_THREADS = ThreadPoolExecutor(32, "pulse")
# A task may wait for a producer, so the two do not share threads.
_TASK_THREADS = ThreadPoolExecutor(32, "task")


def add_heartbeats(items: Generator[T, None, None], interval: float) -> Iterator[T | None]:
    """Yield the items as they arrive, and None whenever `interval` seconds pass without an item.

    Exceptions from `items` are raised here. When the reader closes this generator, `items` is closed at its next item.
    """
    queue: SimpleQueue[object] = SimpleQueue()
    abandoned = threading.Event()
    _PRODUCER_THREADS.submit(copy_context().run, _produce, items, queue, abandoned)
    try:
        while True:
            try:
                item = queue.get(timeout=interval)
            except Empty:
                yield None
                continue
            if item is _END_OF_ITEMS:
                return
            if isinstance(item, _ProducerError):
                raise item.error
            yield item  # type: ignore[misc]
    finally:
        abandoned.set()


def run_in_background(function: Callable[[], T]) -> Future[T]:
    """Start the function in a thread, and return its future result."""
    return _TASK_THREADS.submit(copy_context().run, function)


def is_done_within(future: Future[T], seconds: float) -> bool:
    """Wait until the function has ended or the seconds, which may be infinite, have passed. Return whether it has."""
    return bool(wait([future], timeout=None if isinf(seconds) else seconds).done)


class _ProducerError:
    def __init__(self, error: Exception) -> None:
        self.error = error


def _produce(
    items: Generator[T, None, None], queue: SimpleQueue[object], abandoned: threading.Event
) -> None:
    try:
        with closing(items):
            for item in items:
                queue.put(item)
                if abandoned.is_set():
                    return
    except Exception as error:
        queue.put(_ProducerError(error))
    finally:
        queue.put(_END_OF_ITEMS)
