"""Parallel provider calls for one edit. The images of successful calls are delivered and the failures are reported."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from retouch.core.edit_types import GeneratedImage
from retouch.core.errors import Fault, worst_billing
from retouch.core.provider_protocol import ProviderJob

_MAX_PARALLEL_CALLS = 10


@dataclass(frozen=True, slots=True)
class FanoutResult:
    """The completed images in the order of the jobs, and the errors of the failed jobs."""

    images: list[GeneratedImage]
    failures: tuple[Fault, ...] = ()

    def shortfall_notes(self, requested: int) -> tuple[str, ...]:
        """Return a note when there are fewer images than requested."""
        if len(self.images) >= requested:
            return ()
        reason = (
            f"the rest failed: {self.failures[0]}"
            if self.failures
            else "the provider returned no more"
        )
        return (f"n: {len(self.images)} of {requested} images, {reason}",)


def run_parallel(
    jobs: list[ProviderJob], run_job: Callable[[ProviderJob, int], list[GeneratedImage]]
) -> FanoutResult:
    """Run every job, with its index, to its end and return all results.

    When no job made an image, raises the first Fault, with the worst billing of all of them.
    """
    with ThreadPoolExecutor(min(len(jobs), _MAX_PARALLEL_CALLS)) as pool:
        outcomes = list(pool.map(lambda job, i: _run_one(job, i, run_job), jobs, range(len(jobs))))
    images = [image for outcome in outcomes if isinstance(outcome, list) for image in outcome]
    failures = tuple(outcome for outcome in outcomes if isinstance(outcome, Fault))
    if not images:
        raise failures[0].with_billing(worst_billing(fault.billed for fault in failures))
    return FanoutResult(images, failures)


def _run_one(
    job: ProviderJob, index: int, run_job: Callable[[ProviderJob, int], list[GeneratedImage]]
) -> list[GeneratedImage] | Fault:
    try:
        return run_job(job, index)
    except Fault as fault:
        return fault
