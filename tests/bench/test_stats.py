from bench.stats import median_of, percentile, ratio


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(n) for n in range(100, -1, -1)]
    assert [percentile(values, p) for p in (0, 50, 99, 100)] == [0, 50, 99, 100]
    assert percentile([3.0], 99) == 3


def test_nothing_measured_has_no_median_and_no_ratio() -> None:
    assert median_of([]) is None
    assert median_of([3, 1, 2]) == 2
    assert ratio(1, None) is None
    assert ratio(None, 1) is None
    assert ratio(1, 0) is None
    assert ratio(1, 2) == 0.5
