"""One whole run: prepare, start, measure, sum up."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

from bench import coldstart, images, measure, paths, portkey, retouch, summary
from bench.cells import Cell
from bench.children import mock_upstream
from bench.progress import note
from bench.targets import PORTKEY, RETOUCH, Target, direct
from bench.upstream import Upstream

Record = dict[str, Any]
Peer = Callable[[str], AbstractContextManager[Target]]
RUNNING: dict[str, Peer] = {PORTKEY: portkey.running, RETOUCH: retouch.running}
# Each gives a starter: what is entered anew for every cold start.
COLD = {PORTKEY: portkey.cold, RETOUCH: retouch.cold}


def run(cells: Sequence[Cell], n: int, rounds: int, reps: int) -> Record:
    """Everything, as one record."""
    not_run = prepare()
    peers = [name for name in RUNNING if not_run[name] is None]
    with mock_upstream(paths.IMAGES) as mock:
        cold = _cold_starts(mock, peers, reps)
        with _targets(mock, peers) as targets:
            results = measure.run(cells, targets, Upstream(mock), n, rounds)
            peaks = summary.peaks(targets)
    return {
        "machine": summary.machine(),
        "settings": {"n": n, "rounds": rounds, "reps": reps},
        "not_run": {name: why for name, why in not_run.items() if why},
        "cells": summary.cells(results),
        "starts": summary.starts(cold),
        "peak_rss_mb": peaks,
    }


def prepare() -> dict[str, str | None]:
    """Make what is missing; says for each peer why it cannot run, or None."""
    paths.prepare()
    images.write_all(paths.IMAGES)
    note("preparing Portkey")
    return {PORTKEY: portkey.install(), RETOUCH: retouch.missing()}


def _cold_starts(mock: str, peers: list[str], reps: int) -> dict[str, coldstart.Starts]:
    with ExitStack() as stack:
        starters = {name: stack.enter_context(COLD[name](mock)) for name in peers}
        return coldstart.run(starters, reps)


@contextmanager
def _targets(mock: str, peers: list[str]) -> Iterator[list[Target]]:
    with ExitStack() as stack:
        yield [direct(mock), *(stack.enter_context(RUNNING[name](mock)) for name in peers)]
