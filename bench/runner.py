"""A complete run: prepare, start, measure and summarize."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from bench import coldstart, images, litellm, measure, paths, portkey, retouch, summary
from bench.launcher import Launcher
from bench.mock_control import MockControl
from bench.processes import run_mock_aws, run_mock_provider
from bench.progress import print_note
from bench.retouch import AS_DEPLOYED, OPEN, RetouchLauncher
from bench.scenarios import Scenario
from bench.targets import DEPLOYED, LITELLM, PORTKEY, RETOUCH, Target, direct_target

Record = dict[str, Any]
_INSTALLERS = {PORTKEY: portkey.install, LITELLM: litellm.install}


@dataclass(frozen=True)
class RunSize:
    """The size of a run."""

    fresh: int  # Requests per scenario and target in the fresh phase.
    warm_up: int  # Plain requests to each target before the warm phase.
    n: int  # Requests per scenario, target and round in the warm phase.
    rounds: int
    reps: int  # Cold starts per target.


def run(scenarios: Sequence[Scenario], size: RunSize, peers: Sequence[str]) -> Record:
    """Measure Retouch and the named peers, and return one record."""
    not_run = prepare(peers)
    with run_mock_provider(paths.IMAGES) as mock, run_mock_aws() as aws:
        launchers = {
            name: launcher
            for name, launcher in all_launchers(mock, aws).items()
            if not_run.get(name) is None
        }
        return {
            "machine": summary.machine_description(),
            "settings": asdict(size),
            "not_run": {name: why for name, why in not_run.items() if why},
            **measure_launchers(launchers, mock, scenarios, size),
        }


def all_launchers(mock: str, aws: str) -> dict[str, Launcher]:
    """Return the launchers of all gateways by target name."""
    return {
        PORTKEY: portkey.PortkeyLauncher(mock),
        LITELLM: litellm.LiteLlmLauncher(mock),
        RETOUCH: RetouchLauncher(mock, aws, OPEN),
        DEPLOYED: RetouchLauncher(mock, aws, AS_DEPLOYED),
    }


def measure_launchers(
    launchers: Mapping[str, Launcher],
    mock: str,
    scenarios: Sequence[Scenario],
    size: RunSize,
) -> Record:
    """Measure cold starts, then fresh and warm requests, and return the records by phase."""
    upstream = MockControl(mock)
    cold = measure_cold_starts(launchers, size.reps)

    start = partial(start_targets, mock, launchers)
    fresh = measure.measure_fresh(scenarios, start, upstream, size.fresh)
    with start() as targets:
        measure.warm_up(targets, upstream, size.warm_up)
        warm = measure.measure_warm(scenarios, targets, upstream, size.n, size.rounds)
        peaks = summary.peak_memory(targets)
    return {
        "fresh": summary.scenario_records(fresh),
        "warm": summary.scenario_records(warm),
        "starts": summary.start_records(cold),
        "peak_rss_mb": peaks,
    }


def prepare(peers: Sequence[str]) -> dict[str, str | None]:
    """Create missing files and install the peers. Return for each gateway the reason why it cannot run, or None."""
    paths.create_folders()
    images.write_missing(paths.IMAGES)
    reasons = {RETOUCH: retouch.missing_code()}
    for name, install in _INSTALLERS.items():
        print_note(f"preparing {name}")
        reasons[name] = install() if name in peers else "left out of this run"
    return reasons


def measure_cold_starts(
    launchers: Mapping[str, Launcher], reps: int
) -> dict[str, coldstart.StartMeasurements]:
    """Measure the cold starts of every gateway."""
    with ExitStack() as stack:
        starters = {
            name: stack.enter_context(launcher.cold_starter())
            for name, launcher in launchers.items()
        }
        return coldstart.run(starters, reps)


@contextmanager
def start_targets(mock: str, launchers: Mapping[str, Launcher]) -> Iterator[list[Target]]:
    """Run every gateway and yield their targets, after the provider itself."""
    with ExitStack() as stack:
        yield [
            direct_target(mock),
            *(stack.enter_context(launcher.run_gateway()) for launcher in launchers.values()),
        ]
