"""Tests of the percentiles of durations."""

import random
import statistics

import pytest

from retouch.usage.histogram import BOUNDS_MS, BUCKETS, bucket_of, percentile


def _counts(durations):
    counts = [0] * BUCKETS
    for duration in durations:
        counts[bucket_of(duration)] += 1
    return counts


@pytest.mark.parametrize("percent", [50, 90, 99])
@pytest.mark.parametrize("median_ms", [400, 12_000, 45_000])
def test_percentile_of_many_edits_is_within_five_percent(percent, median_ms):
    source = random.Random(7)
    durations = [median_ms * source.lognormvariate(0, 0.5) for _ in range(5000)]
    exact = statistics.quantiles(durations, n=100)[percent - 1]
    assert percentile(_counts(durations), percent) == pytest.approx(exact, rel=0.05)


def test_every_duration_has_a_bucket():
    assert len(BOUNDS_MS) == BUCKETS
    assert (bucket_of(0), bucket_of(10**9)) == (0, BUCKETS - 1)
    assert [bucket_of(bound) for bound in BOUNDS_MS] == list(range(BUCKETS))


def test_percentile_of_nothing_is_zero():
    assert percentile([0] * BUCKETS, 50) == 0


def test_percentile_that_a_bucket_reaches_exactly_is_the_bound_of_that_bucket():
    counts = [0] * BUCKETS
    counts[3] = counts[10] = 5
    assert percentile(counts, 50) == round(BOUNDS_MS[3])
