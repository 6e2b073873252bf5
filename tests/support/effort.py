"""What a piece of work costs, on a machine that has other work meanwhile."""

import time
from collections.abc import Callable

TRIES = 5


def effort(work: Callable[[], object], enough: float) -> float:
    """CPU seconds that `work` costs this thread: the least of a few tries, the first under `enough` ends them.

    A neighbour can double one reading; work that grows with the square of its input is over in all of them.
    """
    least = float("inf")
    for _ in range(TRIES):
        started = time.thread_time()
        work()
        least = min(least, time.thread_time() - started)
        if least < enough:
            break
    return least
