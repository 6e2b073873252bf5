"""A complete run: prepare, start, measure and summarize."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

from bench import coldstart, images, measure, paths, portkey, retouch, summary
from bench.mock_control import MockControl
from bench.processes import run_mock_provider
from bench.progress import print_note
from bench.scenarios import Scenario
from bench.targets import PORTKEY, RETOUCH, Target, direct_target

Record = dict[str, Any]
StartPeer = Callable[[str], AbstractContextManager[Target]]
PEERS: dict[str, StartPeer] = {PORTKEY: portkey.run_gateway, RETOUCH: retouch.run_gateway}
# Each context manager yields a starter, which is entered again for every cold start.
COLD_STARTERS = {PORTKEY: portkey.cold_starter, RETOUCH: retouch.cold_starter}


def run(scenarios: Sequence[Scenario], n: int, rounds: int, reps: int) -> Record:
    """Measure everything and return one record."""
    not_run = prepare()
    peers = [name for name in PEERS if not_run[name] is None]
    with run_mock_provider(paths.IMAGES) as mock:
        cold = _measure_cold_starts(mock, peers, reps)
        with _start_targets(mock, peers) as targets:
            results = measure.run(scenarios, targets, MockControl(mock), n, rounds)
            peaks = summary.peak_memory(targets)
    return {
        "machine": summary.machine_description(),
        "settings": {"n": n, "rounds": rounds, "reps": reps},
        "not_run": {name: why for name, why in not_run.items() if why},
        "cells": summary.scenario_records(results),
        "starts": summary.start_records(cold),
        "peak_rss_mb": peaks,
    }


def prepare() -> dict[str, str | None]:
    """Create missing files and install Portkey. Return for each gateway the reason why it cannot run, or None."""
    paths.create_folders()
    images.write_missing(paths.IMAGES)
    print_note("preparing Portkey")
    return {PORTKEY: portkey.install(), RETOUCH: retouch.missing_code()}


def _measure_cold_starts(
    mock: str, peers: list[str], reps: int
) -> dict[str, coldstart.StartMeasurements]:
    with ExitStack() as stack:
        starters = {name: stack.enter_context(COLD_STARTERS[name](mock)) for name in peers}
        return coldstart.run(starters, reps)


@contextmanager
def _start_targets(mock: str, peers: list[str]) -> Iterator[list[Target]]:
    with ExitStack() as stack:
        yield [direct_target(mock), *(stack.enter_context(PEERS[name](mock)) for name in peers)]
