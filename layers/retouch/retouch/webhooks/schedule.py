"""The pause before the next attempt at a delivery. The schedule itself is the setting RETOUCH_WEBHOOK_SCHEDULE."""

from __future__ import annotations

from collections.abc import Sequence

_JITTER = 0.1
_MAX_RETRY_AFTER_SECONDS = 86_400


def retry_pause(
    failures: int, schedule: Sequence[int], retry_after: float | None, random_fraction: float
) -> int | None:
    """Return the seconds until the next attempt, or None when the schedule is over.

    `failures` is the number of failed attempts, from 1, and `schedule` has the seconds after each of them. The pause
    varies by 10 %, so that many deliveries do not come at once. A later time that the receiver asks for (`Retry-After`)
    wins, up to a day.
    """
    if failures > len(schedule):
        return None
    pause = schedule[failures - 1] * (1 - _JITTER + 2 * _JITTER * random_fraction)
    return max(1, round(max(pause, min(retry_after or 0.0, _MAX_RETRY_AFTER_SECONDS))))
