"""A call that runs in a thread of its own while the caller does something else."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from retouch.core.concurrency.reused_threads import ReusedThreads

T = TypeVar("T")
_THREADS = ReusedThreads("background-call")


class BackgroundCall(Generic[T]):
    """The call of a function that has been started, and its outcome.

    The call does not delay the end of the process. Nothing can end it from outside, so the function must have limits of
    its own. Several threads may wait for the result.
    """

    def __init__(self, function: Callable[[], T]) -> None:
        """Start the call. Raises RuntimeError when the system gives no thread."""
        self._function = function
        self._result: T | None = None
        self._error: Exception | None = None
        self._ended = threading.Event()
        _THREADS.run(self._run)

    def _run(self) -> None:
        try:
            self._result = self._function()
        except Exception as error:
            self._error = error
        finally:
            self._ended.set()

    def result(self) -> T:
        """Wait for the end of the call. Return its result, or raise its exception."""
        self._ended.wait()
        if self._error is not None:
            raise self._error
        return self._result  # type: ignore[return-value]  # without an error there is a result
