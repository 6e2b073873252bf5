from functools import partial

from bench.cache import (
    CACHE_HIT,
    COMPUTE_KEY,
    HIT_WITH_KEY,
    PLAIN_READ,
    cache_key_function,
    measure,
    results_table,
)
from bench.images import make_image


def test_cache_report_shows_medians_and_both_ratios() -> None:
    text = results_table(
        {
            PLAIN_READ: [10.0, 8.0, 90.0],
            CACHE_HIT: [12.0] * 3,
            COMPUTE_KEY: [20.0] * 3,
            HIT_WITH_KEY: [32.0] * 3,
        }
    )
    assert "| hit | 12.0 | 1.20 |" in text
    assert text.endswith("A hit is 1.20 of a plain read (goal 1.5), 3.20 with its name.")


def test_cache_measure_alternates_which_operation_runs_first() -> None:
    order: list[str] = []
    milliseconds = measure({name: partial(order.append, name) for name in "ab"}, 2)
    assert "".join(order[-4:]) in ("abba", "baab")
    assert [len(times) for times in milliseconds.values()] == [2, 2]


def test_cache_key_is_stable_and_depends_on_the_image() -> None:
    first, other = make_image(64, 10), make_image(64, 11)
    assert cache_key_function(first)() == cache_key_function(first)() != cache_key_function(other)()
