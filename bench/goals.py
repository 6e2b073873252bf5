"""The goals of the comparison: ratios to Portkey, and milliseconds where Portkey does another job."""

from dataclasses import dataclass

from bench.scenarios import URL, Scenario

START_RATIO = 0.4
DEPLOYED_START_MS = 150
START_MEMORY_MB = 80


@dataclass(frozen=True)
class Goals:
    """The goals of one scenario. A goal that is None is not set."""

    cpu_fresh: float | None = (
        None  # The worker's CPU of the first 200 requests, as a ratio to Portkey.
    )
    cpu_warm: float | None = None  # The same after thousands of requests.
    added_p50: float | None = None
    added_p99: float | None = None
    cpu_ms: float | None = None  # Milliseconds of the worker's CPU.


def find_goals(scenario: Scenario) -> Goals:
    """Return the goals of a scenario. With a mask Retouch composites pixels and Portkey does not."""
    if scenario.has_key or scenario.has_budget:
        # Portkey stores nothing here, so no ratio is a goal. The row names the cost.
        return Goals()
    if scenario.wants_link:
        return Goals(cpu_ms=1.2)
    if scenario.has_mask:
        return Goals(cpu_fresh=1.0, cpu_warm=1.0, added_p50=1.3)
    if scenario.upload == "20 KB" or scenario.response_kind == URL:
        return Goals(cpu_fresh=0.35, cpu_warm=0.5, added_p50=1.0, added_p99=1.0)
    return Goals(cpu_fresh=0.3, cpu_warm=0.3, added_p50=1.0, added_p99=1.0)
