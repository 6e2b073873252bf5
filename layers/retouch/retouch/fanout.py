"""Several calls side by side for one order: whatever was bought is delivered, whatever failed is said."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from retouch.errors import Fault, gravest
from retouch.messages import Artifact, Job

_MOST_AT_ONCE = 10


@dataclass(frozen=True, slots=True)
class Bought:
    """Finished pictures in the order of the jobs, and what became of the others."""

    artifacts: list[Artifact]
    failures: tuple[Fault, ...] = ()

    def notes(self, wanted: int) -> tuple[str, ...]:
        """What to tell a caller who gets fewer pictures than ordered."""
        if len(self.artifacts) >= wanted:
            return ()
        why = f"the rest failed: {self.failures[0]}" if self.failures else "no more came back"
        return (f"n: {len(self.artifacts)} of {wanted} pictures, {why}",)


def side_by_side(jobs: list[Job], finished: Callable[[Job], list[Artifact]]) -> Bought:
    """Run every job to its end. Raises the first Fault, with the gravest bill, where nothing was bought."""
    with ThreadPoolExecutor(min(len(jobs), _MOST_AT_ONCE)) as pool:
        outcomes = list(pool.map(lambda job: _outcome(job, finished), jobs))
    artifacts = [one for outcome in outcomes if isinstance(outcome, list) for one in outcome]
    failures = tuple(outcome for outcome in outcomes if isinstance(outcome, Fault))
    if not artifacts:
        first = failures[0]
        first.billed = gravest(fault.billed for fault in failures)
        raise first
    return Bought(artifacts, failures)


def _outcome(job: Job, finished: Callable[[Job], list[Artifact]]) -> list[Artifact] | Fault:
    try:
        return finished(job)
    except Fault as fault:
        return fault
