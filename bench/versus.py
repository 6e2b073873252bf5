"""Compare the working tree with a base revision, in one interleaved run.

Both run with the packages of this environment. A base revision that needs other packages cannot start, and the run
says so.
"""

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench import images, measure, paths, runner, summary
from bench.mock_control import MockControl
from bench.processes import run_mock_aws, run_mock_provider
from bench.report import markdown_table, ratio_text
from bench.retouch import AS_DEPLOYED, OPEN, RetouchLauncher
from bench.runner import RunSize
from bench.scenarios import Scenario
from bench.stats import ratio
from bench.targets import billed_value

Record = dict[str, Any]
BASE, TREE = "base", "working tree"
DEPLOYED_SUFFIX = ", as deployed"


def run(revision: str, scenarios: Sequence[Scenario], size: RunSize) -> str:
    """Measure both revisions and return the table of their ratios."""
    paths.create_folders()
    images.write_missing(paths.IMAGES)
    with (
        checkout(revision) as base,
        run_mock_provider(paths.IMAGES) as mock,
        run_mock_aws() as aws,
    ):
        launchers = _create_launchers(mock, aws, base)
        cold = runner.measure_cold_starts(launchers, size.reps)
        with runner.start_targets(mock, launchers) as targets:
            upstream = MockControl(mock)
            warm = measure.measure_warm(scenarios, targets, upstream, size.n, size.rounds)
    return render(summary.scenario_records(warm), summary.start_records(cold), revision)


def render(cells: Sequence[Record], starts: Mapping[str, Record], revision: str) -> str:
    """Return the ratios of the working tree to the base."""
    head = ("upload → answer", "CPU", "p50", "CPU, as deployed", "p50, as deployed")
    rows = [
        [
            record["label"],
            *(
                ratio_text(_ratio(record["targets"], key, suffix))
                for suffix in ("", DEPLOYED_SUFFIX)
                for key in ("cpu_ms", "p50_ms")
            ),
        ]
        for record in cells
    ]
    start_rows = [
        [
            label,
            *(ratio_text(_ratio(starts, key, suffix)) for suffix in ("", DEPLOYED_SUFFIX)),
        ]
        for label, key in (("process start to first edit", "ms"), ("memory after it", "rss_mb"))
    ]
    title = f"working tree / {revision}, below 1 is better:"
    table = markdown_table(head, rows)
    start_table = markdown_table(("", "ratio", "ratio, as deployed"), start_rows)
    return f"{title}\n\n{table}\n\n{start_table}"


def _create_launchers(mock: str, aws: str, base: Path) -> dict[str, RetouchLauncher]:
    return {
        name + suffix: RetouchLauncher(mock, aws, replace(configuration, name=name + suffix), root)
        for suffix, configuration in (("", OPEN), (DEPLOYED_SUFFIX, AS_DEPLOYED))
        for name, root in ((BASE, base), (TREE, paths.ROOT))
    }


def _ratio(by_name: Mapping[str, Record], key: str, suffix: str) -> float | None:
    base, tree = (by_name[name + suffix].get(key) for name in (BASE, TREE))
    if isinstance(base, dict) and isinstance(tree, dict):
        base, tree = billed_value(base), billed_value(tree)
    return ratio(tree, base)


@contextmanager
def checkout(revision: str) -> Iterator[Path]:
    """Check out a revision into a folder of its own and remove it in the end. Exits when there is no such revision."""
    name = _git("rev-parse", "--short", f"{revision}^{{commit}}")
    folder = paths.BASE_CHECKOUTS / name
    _git("worktree", "add", "--force", "--detach", str(folder), name)
    try:
        yield folder
    finally:
        _git("worktree", "remove", "--force", str(folder))


def _git(*arguments: str) -> str:
    completed = subprocess.run(
        ["git", *arguments], cwd=paths.ROOT, capture_output=True, text=True, check=False
    )
    if completed.returncode:
        raise SystemExit(f"git {arguments[0]}: {completed.stderr.strip()}")
    return completed.stdout.strip()
