"""Where a worker's time goes: the real worker behind the real front, under cProfile."""

import pstats
from collections.abc import Sequence
from pathlib import Path

from bench import measure, paths, retouch
from bench.cells import Cell
from bench.children import mock_upstream
from bench.upstream import Upstream

HOOK = Path(__file__).with_name("profiled")
LINES = 35


def run(cells: Sequence[Cell], n: int) -> pstats.Stats:
    """Profile n edits of each cell and the warm-up before them, imports included."""
    paths.prepare()
    paths.PROFILE.unlink(missing_ok=True)
    hook = {"PYTHONPATH": str(HOOK), "BENCH_PROFILE": str(paths.PROFILE)}
    with mock_upstream(paths.IMAGES) as mock, retouch.running(mock, hook) as target:
        measure.run(cells, [target], Upstream(mock), n, rounds=1)
    return pstats.Stats(str(paths.PROFILE))


def show(stats: pstats.Stats) -> None:
    """The functions that cost most by themselves, then with all they call."""
    stats.strip_dirs().sort_stats("tottime").print_stats(LINES)
    stats.sort_stats("cumtime").print_stats(LINES)
