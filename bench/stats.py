"""Percentiles and ratios."""

from collections.abc import Sequence
from statistics import median


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the nearest-rank percentile, which is always a measured value."""
    ordered = sorted(values)
    return ordered[round(percent / 100 * (len(ordered) - 1))]


def median_or_none(values: Sequence[float]) -> float | None:
    """Return the median, or None when there are no values."""
    return median(values) if values else None


def ratio(numerator: float | None, denominator: float | None) -> float | None:
    """Return numerator / denominator, or None when one is missing or the denominator is not positive."""
    if numerator is None or not denominator or denominator <= 0:
        return None
    return numerator / denominator
