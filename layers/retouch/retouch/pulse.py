"""A sign of life while something slow is running.

API Gateway hangs up on a connection that is silent for five minutes (30 seconds at the edge), and an edit may take
fifteen. Whoever reads from `pulse` gets to say something in between.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from queue import Empty, SimpleQueue
from typing import TypeVar

T = TypeVar("T")
_END = object()
# Threads are kept: starting one costs a fifth of a small edit's CPU.
_WORKERS = ThreadPoolExecutor(32, "pulse")


def pulse(items: Generator[T, None, None], every: float) -> Iterator[T | None]:
    """The items as they come, and None whenever `every` seconds pass without one. Errors pass through.

    When the reader loses interest, the work is closed at its next item.
    """
    queue: SimpleQueue[object] = SimpleQueue()
    dropped = threading.Event()
    _WORKERS.submit(_produce, items, queue, dropped)
    try:
        while True:
            try:
                found = queue.get(timeout=every)
            except Empty:
                yield None
                continue
            if found is _END:
                return
            if isinstance(found, _Failed):
                raise found.error
            yield found  # type: ignore[misc]
    finally:
        dropped.set()


def once(run: Callable[[], T]) -> Generator[T, None, None]:
    """A function's result as the only item."""
    yield run()


class _Failed:
    def __init__(self, error: Exception) -> None:
        self.error = error


def _produce(
    items: Generator[T, None, None], queue: SimpleQueue[object], dropped: threading.Event
) -> None:
    try:
        with closing(items):
            for item in items:
                queue.put(item)
                if dropped.is_set():
                    return
    except Exception as error:
        queue.put(_Failed(error))
    finally:
        queue.put(_END)
