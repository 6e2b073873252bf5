from bench.stats import median_or_none, percentile, ratio


def test_percentile_returns_a_measured_value() -> None:
    values = [float(n) for n in range(100, -1, -1)]
    assert [percentile(values, p) for p in (0, 50, 99, 100)] == [0, 50, 99, 100]
    assert percentile([3.0], 99) == 3


def test_median_and_ratio_are_none_without_values() -> None:
    assert median_or_none([]) is None
    assert median_or_none([3, 1, 2]) == 2
    assert ratio(1, None) is None
    assert ratio(None, 1) is None
    assert ratio(1, 0) is None
    assert ratio(1, 2) == 0.5
