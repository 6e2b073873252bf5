"""A client of jobs over a socket."""

import time

import requests


def wait_for_job(location, headers=None, seconds=30):
    """Return a job that has ended. A wait of the gateway ends at each change of the status, so this asks again."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        job = requests.get(
            location, headers={**(headers or {}), "Prefer": "wait=2"}, timeout=30
        ).json()
        if job["status"] not in ("queued", "in_progress"):
            return job
    raise AssertionError(f"the job did not end: {job}")
