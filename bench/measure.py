"""Interleaved measurements: every request goes to all targets in turn.

A fresh measurement starts the targets anew for each scenario and measures their first requests. A warm measurement uses
targets that have already served thousands of requests. Just-in-time compilers make Portkey faster over that time.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

from bench.mock_control import MockControl
from bench.paths import IMAGES
from bench.progress import Progress
from bench.scenario_client import Measurements, ScenarioClient
from bench.scenarios import PLAIN, Scenario
from bench.targets import Target

Results = dict[Scenario, dict[str, Measurements]]
StartTargets = Callable[[], AbstractContextManager[list[Target]]]
FRESH_WARM_UP_REQUESTS = 20
WARM_UP_REQUESTS = 3  # Before each round.
# Compositing is slow and varies little, so fewer requests give the same result.
MASKED_DIVISOR = 4


def measure_fresh(
    scenarios: Sequence[Scenario], start_targets: StartTargets, upstream: MockControl, n: int
) -> Results:
    """Measure the first n requests of each scenario, after a short warm-up, on targets that were just started."""
    results: Results = {}
    progress = Progress(sum(request_count(scenario, n) for scenario in scenarios))
    for scenario in scenarios:
        upstream.select_response(scenario.response_kind, scenario.provider_ms)
        with start_targets() as targets:
            results[scenario] = {target.name: Measurements() for target in targets}
            with _open_clients(scenario, targets, results[scenario]) as clients:
                _prepare_clients(clients, upstream, FRESH_WARM_UP_REQUESTS)
                _warm_up_clients(clients, WARM_UP_REQUESTS)
                count = request_count(scenario, n)
                _run_round(clients, count, progress, f"{scenario.label}, fresh")
    progress.finish()
    return results


def warm_up(targets: Sequence[Target], upstream: MockControl, n: int) -> None:
    """Send n plain requests to each target."""
    upstream.select_response(PLAIN.response_kind)
    progress = Progress(n)
    with _open_clients(PLAIN, targets, {t.name: Measurements([[]]) for t in targets}) as clients:
        _run_round(clients, n, progress, "warm-up")
    progress.finish()


def measure_warm(
    scenarios: Sequence[Scenario],
    targets: Sequence[Target],
    upstream: MockControl,
    n: int,
    rounds: int,
) -> Results:
    """Measure the scenarios on running targets, with n requests per scenario, target and round."""
    results: Results = {
        scenario: {t.name: Measurements() for t in targets} for scenario in scenarios
    }
    progress = Progress(sum(request_count(scenario, n) for scenario in scenarios) * rounds)
    for round_index in range(rounds):
        for scenario in scenarios:
            upstream.select_response(scenario.response_kind, scenario.provider_ms)
            with _open_clients(scenario, targets, results[scenario]) as clients:
                count = request_count(scenario, n)
                if round_index == 0:
                    _prepare_clients(clients, upstream, count // 2)
                _warm_up_clients(clients, WARM_UP_REQUESTS)
                label = f"{scenario.label} {round_index + 1}/{rounds}"
                _run_round(clients, count, progress, label)
    progress.finish()
    return results


def request_count(scenario: Scenario, n: int) -> int:
    """Return the number of requests in one round of this scenario."""
    return max(5, n // MASKED_DIVISOR) if scenario.has_mask else n


@contextmanager
def _open_clients(
    scenario: Scenario, targets: Sequence[Target], measurements: dict[str, Measurements]
) -> Iterator[list[ScenarioClient]]:
    clients = [
        ScenarioClient(target, scenario, IMAGES, measurements[target.name]) for target in targets
    ]
    try:
        yield clients
    finally:
        for client in clients:
            client.close()


def _prepare_clients(clients: Sequence[ScenarioClient], upstream: MockControl, n: int) -> None:
    # Just-in-time compilers need some requests before they reach full speed.
    _warm_up_clients(clients, n)
    for client in clients:
        client.measurements.seconds.clear()
        client.send_checked(upstream)


def _warm_up_clients(clients: Sequence[ScenarioClient], n: int) -> None:
    for client in clients:
        client.measurements.seconds.append([])
        for _ in range(n):
            client.send_timed()
        client.measurements.seconds[-1].clear()


def _run_round(clients: Sequence[ScenarioClient], n: int, progress: Progress, label: str) -> None:
    cpu_before = [client.target.cpu_seconds() for client in clients]
    for i in range(n):
        turn = i % len(clients)
        for client in (*clients[turn:], *clients[:turn]):
            client.send_timed()
        progress.advance(label)
    for client, start in zip(clients, cpu_before, strict=True):
        cpu_after = client.target.cpu_seconds()
        client.measurements.cpu.append(
            {part: (cpu_after[part] - start[part]) / n for part in cpu_after}
        )
