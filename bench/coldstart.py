"""Measure the time from the start of a process to its first edit."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from bench.client import Connection
from bench.paths import IMAGES
from bench.progress import print_note
from bench.response_check import is_edit_response
from bench.scenarios import PLAIN
from bench.targets import Target

TIMEOUT_SECONDS, POLL_SECONDS = 30, 0.001


@dataclass(frozen=True)
class StartedTarget:
    """A target that was just started, and its start time. It may not accept connections yet."""

    target: Target
    started_at: float


Starter = Callable[[], AbstractContextManager[StartedTarget]]


@dataclass
class StartMeasurements:
    """The measured starts of one target."""

    seconds: list[float] = field(default_factory=list)
    rss_mb: list[dict[str, float]] = field(default_factory=list)


def run(starters: dict[str, Starter], reps: int) -> dict[str, StartMeasurements]:
    """Start the targets alternately, `reps` times each, and return the measurements by name."""
    measurements = {name: StartMeasurements() for name in starters}
    names = list(starters)
    for starter in starters.values():
        # The first start is not counted. It writes bytecode and fills the page cache.
        _measure_start(starter, StartMeasurements())
    for rep in range(reps):
        print_note(f"cold start {rep + 1}/{reps}")
        for name in names[rep % len(names) :] + names[: rep % len(names)]:
            _measure_start(starters[name], measurements[name])
    return measurements


def _measure_start(starter: Starter, measurements: StartMeasurements) -> None:
    body = PLAIN.request_body(IMAGES)
    with starter() as started:
        wait_for_first_edit(started.target, body, started.started_at + TIMEOUT_SECONDS)
        measurements.seconds.append(time.perf_counter() - started.started_at)
        measurements.rss_mb.append(started.target.rss_mb())


def wait_for_first_edit(target: Target, body: bytes, deadline: float) -> None:
    """Return when the first edit succeeded. Raises TimeoutError after the deadline."""
    connection, head = Connection(target.base_url), target.request_head(len(body))
    try:
        while not _is_served(connection, head, body):
            if time.perf_counter() > deadline:
                raise TimeoutError(f"{target.name} served no edit.")
            time.sleep(POLL_SECONDS)
    finally:
        connection.close()


def _is_served(connection: Connection, head: bytes, body: bytes) -> bool:
    try:
        response = connection.send(head, body)
    except OSError:
        return False
    return is_edit_response(response.status, response.body)
