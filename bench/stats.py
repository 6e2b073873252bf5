"""Percentiles and ratios."""

from collections.abc import Sequence
from statistics import median


def percentile(values: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile: always a value that was measured."""
    ordered = sorted(values)
    return ordered[round(percent / 100 * (len(ordered) - 1))]


def median_of(values: Sequence[float]) -> float | None:
    """The median, or None when nothing was measured."""
    return median(values) if values else None


def ratio(ours: float | None, theirs: float | None) -> float | None:
    """Ours through theirs; None when one is missing or theirs is nothing."""
    if ours is None or not theirs or theirs <= 0:
        return None
    return ours / theirs
