"""A histogram of durations in 40 fixed buckets, from which percentiles are read. Histograms of any parts can be added.

The upper bounds are a geometric series, so a percentile is as exact for 20 ms as for 5 minutes. Within a bucket
the logarithms of the durations are taken as evenly spread.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

BUCKETS = 40
_FIRST_MS, _LAST_MS = 20.0, 300_000.0  # nearly all edits take between these
_RATIO: float = (_LAST_MS / _FIRST_MS) ** (1 / (BUCKETS - 1))
BOUNDS_MS: tuple[float, ...] = tuple(_FIRST_MS * _RATIO**place for place in range(BUCKETS))


def bucket_of(milliseconds: float) -> int:
    """Return the number of the bucket of a duration. The last one has all longer durations too."""
    return min(bisect_left(BOUNDS_MS, milliseconds), BUCKETS - 1)


def percentile(counts: Sequence[int], percent: float) -> int:
    """Return the duration in milliseconds that `percent` % of the counted ones do not exceed, or 0 without any."""
    total = sum(counts)
    rank = total * percent / 100
    seen = 0
    for bucket, count in enumerate(counts):
        if count and seen + count >= rank:
            share = (rank - seen) / count
            duration: float = BOUNDS_MS[bucket] / _RATIO ** (1 - share)
            return round(duration)
        seen += count
    return 0
