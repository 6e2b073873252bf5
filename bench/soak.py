"""Send thousands of mixed requests to one worker and show whether its memory stays flat."""

from collections.abc import Sequence
from itertools import cycle, islice
from statistics import linear_regression

from bench import images, paths
from bench.mock_control import MockControl
from bench.processes import run_mock_aws, run_mock_provider
from bench.progress import Progress
from bench.report import markdown_table
from bench.retouch import AS_DEPLOYED, RetouchLauncher
from bench.scenario_client import Measurements, ScenarioClient
from bench.scenarios import SCENARIOS
from bench.targets import BILLED_PART, Target

SAMPLES = 20
# Of the second half. A leak of this size would add 10 MB in 40,000 requests, more than a function instance serves.
MAX_GROWTH_BYTES_PER_REQUEST = 256
_MIB = 1 << 20


def run(n: int) -> str:
    """Send n requests of all scenarios in turn and return the report in markdown."""
    paths.create_folders()
    images.write_missing(paths.IMAGES)
    with (
        run_mock_provider(paths.IMAGES) as mock,
        run_mock_aws() as aws,
        RetouchLauncher(mock, aws, AS_DEPLOYED).run_gateway() as target,
    ):
        samples, failures = measure(target, MockControl(mock), n)
    return render(samples, failures)


def measure(
    target: Target, upstream: MockControl, n: int
) -> tuple[list[tuple[int, float]], list[str]]:
    """Return the memory in MiB after each sample of requests, and the failures."""
    measurements = Measurements([[]])
    clients = [(s, ScenarioClient(target, s, paths.IMAGES, measurements)) for s in SCENARIOS]
    # A sample always follows the same scenario, because each scenario needs another amount of memory.
    interval = max(1, n // SAMPLES // len(clients)) * len(clients)
    progress, samples = Progress(n), []
    for i, (scenario, client) in enumerate(islice(cycle(clients), n), 1):
        upstream.select_response(scenario.response_kind, scenario.provider_ms)
        client.send_timed()
        progress.advance("soak")
        if i % interval == 0:
            samples.append((i, target.rss_mb()[BILLED_PART]))
    progress.finish()
    for _, client in clients:
        client.close()
    return samples, measurements.failures


def render(samples: Sequence[tuple[int, float]], failures: Sequence[str]) -> str:
    """Return a table of the memory, its growth in the second half, and the number of failures."""
    growth = growth_bytes_per_request(samples)
    verdict = "✓" if growth <= MAX_GROWTH_BYTES_PER_REQUEST else "✗"
    table = markdown_table(
        ("requests", "memory, MB"), [(str(count), f"{mb:.1f}") for count, mb in samples]
    )
    goal = f"goal ≤ {MAX_GROWTH_BYTES_PER_REQUEST} {verdict}"
    failed = f"{len(failures)} failed" + (f", first: {failures[0]}" if failures else "")
    return (
        f"{table}\n\nGrowth in the second half: {growth:.0f} bytes per request ({goal}). {failed}."
    )


def growth_bytes_per_request(samples: Sequence[tuple[int, float]]) -> float:
    """Return the slope of the memory over the second half of the samples, in bytes per request."""
    second_half = samples[len(samples) // 2 :]
    counts, memory = zip(*second_half, strict=True)
    return linear_regression(counts, memory).slope * _MIB
