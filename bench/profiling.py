"""Profile a worker of the development server with cProfile."""

import pstats
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench import images, measure, paths
from bench.mock_control import MockControl
from bench.processes import run_mock_aws, run_mock_provider
from bench.retouch import OPEN, RetouchLauncher
from bench.scenarios import Scenario

PROFILE_HOOK = Path(__file__).with_name("profiled")
PRINTED_LINES = 35


def run(scenarios: Sequence[Scenario], n: int) -> pstats.Stats:
    """Profile n edits of each scenario, including the imports and the warm-up."""
    paths.create_folders()
    images.write_missing(paths.IMAGES)
    paths.PROFILE.unlink(missing_ok=True)
    hook = {"PYTHONPATH": str(PROFILE_HOOK), "BENCH_PROFILE": str(paths.PROFILE)}
    profiled = replace(OPEN, env={**OPEN.env, **hook})
    with (
        run_mock_provider(paths.IMAGES) as mock,
        run_mock_aws() as aws,
        RetouchLauncher(mock, aws, profiled).run_gateway() as target,
    ):
        measure.measure_warm(scenarios, [target], MockControl(mock), n, rounds=1)
    return pstats.Stats(str(paths.PROFILE))


def print_profile(stats: pstats.Stats) -> None:
    """Print the functions with the highest own time, then those with the highest cumulative time."""
    stats.strip_dirs().sort_stats("tottime").print_stats(PRINTED_LINES)
    stats.sort_stats("cumtime").print_stats(PRINTED_LINES)
