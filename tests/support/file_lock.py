"""A lock between the processes that run tests, for what they share in the work folder."""

import fcntl
from contextlib import contextmanager


@contextmanager
def hold_file_lock(path):
    """Hold the lock while the context is open. The system releases it when the process ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
