"""The words for the state of a task. Hosts document a few of them, and change them without notice.

A word that is in no list counts as unfinished: the edit is already paid for, and the deadline ends the polling in any
case. The words that no host documents are those of similar services.
"""

from __future__ import annotations

_SUCCESS_STATES = (
    "ready",
    "complete",
    "finished",
    "completed",
    "succeeded",
    "success",
    "done",
    "ok",
)
_FAILURE_STATES = (
    *("error", "failed", "failure", "rejected", "aborted", "terminated", "dead"),
    *("cancelled", "canceled", "expired", "timeout", "timed_out", "timedout"),
)
_UNFINISHED_STATES = (
    *("pending", "queued", "in_queue", "waiting", "submitted", "created", "scheduled", "accepted"),
    *("processing", "in_progress", "running", "started", "starting", "generating", "working"),
    "task_not_found",
)


def is_success(state: str) -> bool:
    """Return whether a task has ended with a result."""
    return _normalize(state) in _SUCCESS_STATES


def is_failure(state: str) -> bool:
    """Return whether a task has ended without a result."""
    return _normalize(state) in _FAILURE_STATES


def is_unknown(state: str) -> bool:
    """Return whether a word is in no list. A task with a result has ended then."""
    known = (*_SUCCESS_STATES, *_FAILURE_STATES, *_UNFINISHED_STATES)
    return _normalize(state) not in known


def _normalize(state: str) -> str:
    return state.strip().lower().replace(" ", "_").replace("-", "_")
