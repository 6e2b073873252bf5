"""A wait for what other threads and processes do. Its limit is for failures only: no test depends on its length."""

import time


def wait_until(condition, seconds=60.0):
    """Wait until the condition is true, and return its value. Fail when it does not become true in time."""
    end, pause = time.monotonic() + seconds, 0.01
    while not (value := condition()):
        assert time.monotonic() < end, "the condition did not become true"
        time.sleep(pause)
        pause = min(2 * pause, 0.2)
    return value
