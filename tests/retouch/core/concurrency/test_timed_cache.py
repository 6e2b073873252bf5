"""Tests of the cache whose values are loaded again after some time."""

from itertools import count

import pytest

from retouch.core.concurrency.timed_cache import TimedCache
from tests.support.services import FakeClock


def cache_with_loader(**options):
    clock, numbers = FakeClock(), count(1)
    cache: TimedCache[str, int] = TimedCache(clock, 60, **options)
    return clock, cache, lambda key: cache.get(key, lambda: next(numbers))


@pytest.mark.parametrize(("age", "value"), [(0, 1), (59, 1), (60, 2)])
def test_value_is_loaded_again_when_its_time_is_over(age, value):
    clock, _, get = cache_with_loader()
    assert get("a") == 1
    clock.advance(age)
    assert get("a") == value


def test_dropped_value_is_loaded_at_its_next_use():
    _, cache, get = cache_with_loader()
    get("a")
    cache.drop("a")
    cache.drop("never loaded")
    assert get("a") == 2


def test_full_cache_is_emptied_before_it_takes_another_value():
    _, cache, get = cache_with_loader(max_items=2)
    assert [get(key) for key in "abc"] == [1, 2, 3]
    assert len(cache) == 1
    assert [get("c"), get("a")] == [3, 4]


def test_value_that_cannot_be_loaded_is_not_kept():
    _, cache, get = cache_with_loader()

    def fail():
        raise OSError("down")

    with pytest.raises(OSError, match="down"):
        cache.get("a", fail)
    assert get("a") == 1
