"""Threads that are used again. Starting a thread takes four times the CPU time of handing a function to one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue

_MAX_IDLE_THREADS = 8


class ReusedThreads:
    """Daemon threads with a name, which do not delay the end of the process. There is no limit on their number."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._idle: list[SimpleQueue[Callable[[], None]]] = []  # append and pop are atomic

    def run(self, function: Callable[[], None]) -> None:
        """Run the function, which raises nothing, in a thread. Raises RuntimeError when the system gives no thread."""
        try:
            functions = self._idle.pop()
        except IndexError:
            functions = SimpleQueue()
            threading.Thread(
                target=self._serve, args=(functions,), name=self._name, daemon=True
            ).start()
        functions.put(function)

    def _serve(self, functions: SimpleQueue[Callable[[], None]]) -> None:
        """Run functions until enough other threads are idle."""
        while True:
            function = functions.get()
            function()
            del function  # it may hold an image
            if len(self._idle) >= _MAX_IDLE_THREADS:
                return
            self._idle.append(functions)
