"""The limit on how often the state of one job is asked for, so that a loop without pauses does not load the table."""

from __future__ import annotations

import threading
from collections import OrderedDict

from retouch.core.clock import Clock
from retouch.core.errors import PolledTooOften

# A process permits this many requests at once, and then this many each second. A gateway has several processes.
_BURST, _PER_SECOND = 20.0, 2.0
_MAX_JOBS = 1000  # the jobs that a process remembers


class PollLimiter:
    """A token bucket for each job."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens, and when

    def check(self, job: str) -> None:
        """Count one request for the state of a job. Raises PolledTooOften."""
        now = self._clock.now()
        with self._lock:
            tokens, since = self._buckets.pop(job, (_BURST, now))
            tokens = min(_BURST, tokens + (now - since) * _PER_SECOND)
            is_free = tokens >= 1
            self._buckets[job] = (tokens - is_free, now)
            if len(self._buckets) > _MAX_JOBS:
                self._buckets.popitem(last=False)
        if not is_free:
            raise PolledTooOften(
                "This job is asked for too often. Wait as many seconds as 'Retry-After' says, or send "
                "'Prefer: wait=30', which waits for a change.",
                retry_after=5,
            )
