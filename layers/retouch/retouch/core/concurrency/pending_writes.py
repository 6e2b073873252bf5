"""Writes that run beside a response, and that end before the process is frozen.

Lambda stops a process between two invocations. So the runtime loop waits for these writes after the response has left,
and no caller waits for them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context

_log = logging.getLogger("retouch")
_MAX_SECONDS = 10.0  # a write has timeouts of its own
_threads = ThreadPoolExecutor(8, "write")
_pending: set[Future[bool]] = set()


def start_write(write: Callable[[], None]) -> Future[bool]:
    """Start a write in a thread. The result says whether it was made. A failure goes to the log, with its request."""
    future = _threads.submit(copy_context().run, _run, write)
    _pending.add(future)
    future.add_done_callback(_pending.discard)
    return future


def finish_writes(seconds: float = _MAX_SECONDS) -> None:
    """Wait for the writes that still run, at most for this time."""
    if _pending and wait(set(_pending), timeout=seconds).not_done:
        _log.error("a write that runs beside the response has not ended in time")


def _run(write: Callable[[], None]) -> bool:
    try:
        write()
    except Exception as error:
        _log.error("a write that runs beside the response failed", exc_info=error)
        return False
    return True
