"""A wait for what other threads and processes do. Its limit is for failures only: no test depends on its length."""

import time


def wait_until(condition, seconds=60.0):
    """Wait until the condition is true, and return its value. Fail when it does not become true in time."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "the condition did not become true"
        time.sleep(0.01)
    return value
