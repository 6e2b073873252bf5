"""Parallel provider calls for one edit. The images of successful calls are delivered and the failures are reported."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from retouch.core.edit_types import GeneratedImage
from retouch.core.errors import Fault, worst_billing
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.provider_protocol import ProviderJob

_log = logging.getLogger("retouch")
_MAX_PARALLEL_CALLS = 10
_MAX_NAMED_FAILURES = 3


@frozen_dataclass
class FanoutResult:
    """The completed images in the order of the jobs, and the errors of the failed jobs."""

    images: list[GeneratedImage]
    failures: tuple[Fault, ...] = ()

    def shortfall_notes(self, requested: int) -> tuple[str, ...]:
        """Return a note when there are fewer images than requested."""
        if len(self.images) >= requested:
            return ()
        messages = list(dict.fromkeys(map(str, self.failures)))[:_MAX_NAMED_FAILURES]
        reason = (
            f"the rest failed: {'; '.join(messages)}"
            if messages
            else "the provider returned no more"
        )
        return (f"n: {len(self.images)} of {requested} images, {reason}",)


def run_parallel(
    jobs: list[ProviderJob], run_job: Callable[[ProviderJob, int], FanoutResult]
) -> FanoutResult:
    """Run every job, with its index, to its end and return all results.

    When no job made an image, raises the first error after which a result may still come, or else the first error. A
    Fault has the worst billing of all of them.
    """
    with ThreadPoolExecutor(min(len(jobs), _MAX_PARALLEL_CALLS)) as pool:
        outcomes = list(pool.map(lambda job, i: _run_one(job, i, run_job), jobs, range(len(jobs))))
    results = [outcome for outcome in outcomes if isinstance(outcome, FanoutResult)]
    images = [image for result in results for image in result.images]
    errors = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    failures = (*(one for result in results for one in result.failures), *map(_to_fault, errors))
    if not images:
        pending = [error for error in errors if isinstance(error, Fault) and error.is_pending]
        error = (pending or errors)[0]
        if not isinstance(error, Fault):
            raise error
        raise error.with_billing(worst_billing(fault.billed for fault in failures))
    return FanoutResult(images, failures)


def _run_one(
    job: ProviderJob, index: int, run_job: Callable[[ProviderJob, int], FanoutResult]
) -> FanoutResult | Exception:
    """Return the result or the error. An error of any kind must not lose the images of the other jobs."""
    try:
        return run_job(job, index)
    except Exception as error:
        return error


def _to_fault(error: Exception) -> Fault:
    if isinstance(error, Fault):
        return error
    _log.error("a parallel call failed in the gateway", exc_info=error)
    return Fault("The gateway failed.", billed="unknown")
