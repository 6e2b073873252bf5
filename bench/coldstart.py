"""From the start of a process to its first edit."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from bench.cells import SMALL, Cell
from bench.client import Connection
from bench.paths import IMAGES
from bench.pictures import looks_served
from bench.progress import note
from bench.targets import Target

CELL = Cell("20 KB", SMALL)
LIMIT_S, POLL_S = 30, 0.001


@dataclass(frozen=True)
class Start:
    """A process that was just started, and when; it may not accept connections yet."""

    target: Target
    begin: float


Starter = Callable[[], AbstractContextManager[Start]]


@dataclass
class Starts:
    """Every start of one target."""

    seconds: list[float] = field(default_factory=list)
    rss_mb: list[dict[str, float]] = field(default_factory=list)


def run(starters: dict[str, Starter], reps: int) -> dict[str, Starts]:
    """Start the targets in turn, reps times each."""
    found = {name: Starts() for name in starters}
    order = list(starters)
    for starter in starters.values():
        # Not counted: bytecode is written, and files come into the page cache.
        _once(starter, Starts())
    for rep in range(reps):
        note(f"cold start {rep + 1}/{reps}")
        for name in order[rep % len(order) :] + order[: rep % len(order)]:
            _once(starters[name], found[name])
    return found


def _once(starter: Starter, starts: Starts) -> None:
    body = CELL.body(IMAGES)
    with starter() as start:
        first_edit(start.target, body, start.begin + LIMIT_S)
        starts.seconds.append(time.perf_counter() - start.begin)
        starts.rss_mb.append(start.target.rss())


def first_edit(target: Target, body: bytes, deadline: float) -> None:
    """Return when the first edit was answered with a picture."""
    wire, head = Connection(target.base_url), target.head(len(body))
    try:
        while not _served(wire, head, body):
            if time.perf_counter() > deadline:
                raise TimeoutError(f"{target.name} served no edit")
            time.sleep(POLL_S)
    finally:
        wire.close()


def _served(wire: Connection, head: bytes, body: bytes) -> bool:
    try:
        answer = wire.send(head, body)
    except OSError:
        return False
    return looks_served(answer.status, answer.body)
