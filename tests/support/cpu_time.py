"""Measure CPU time on a machine that runs other processes at the same time."""

import time
from collections.abc import Callable

MAX_TRIES = 5


def cpu_seconds(work: Callable[[], object], target_seconds: float) -> float:
    """Return the CPU seconds that `work` takes in this thread: the lowest of up to MAX_TRIES measurements.

    The measurements end at the first one below `target_seconds`. Another process can double one measurement. Work
    that grows with the square of its input exceeds the target in every measurement.
    """
    lowest = float("inf")
    for _ in range(MAX_TRIES):
        started = time.thread_time()
        work()
        lowest = min(lowest, time.thread_time() - started)
        if lowest < target_seconds:
            break
    return lowest
