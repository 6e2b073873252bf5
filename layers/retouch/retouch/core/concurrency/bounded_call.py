"""A call that gets a limited time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import TypeVar

from retouch.core.concurrency.reused_threads import ReusedThreads

T = TypeVar("T")
_THREADS = ReusedThreads("bounded-call")


def call_within(seconds: float, function: Callable[[], T]) -> T:
    """Return the result of the function, or raise its exception. Raises TimeoutError after `seconds`.

    Without time the function is not called. Nothing can end a Python thread from outside, so a call that takes too long
    goes on in its thread, and its result is dropped. The function must therefore have limits of its own, and must not
    change anything that its caller still uses. It does not delay the end of the process.
    """
    if seconds <= 0:
        raise TimeoutError("there was no time for the call")
    outcomes: SimpleQueue[tuple[T, None] | tuple[None, Exception]] = SimpleQueue()

    def run() -> None:
        try:
            outcomes.put((function(), None))
        except Exception as error:
            outcomes.put((None, error))

    _THREADS.run(run)
    try:
        result, error = outcomes.get(timeout=min(seconds, threading.TIMEOUT_MAX))
    except Empty:
        raise TimeoutError(f"the call took longer than {seconds:.1f} s") from None
    if error is not None:
        raise error
    return result  # type: ignore[return-value]  # without an error there is a result
