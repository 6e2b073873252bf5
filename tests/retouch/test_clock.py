"""Time and chance as they are handed in."""

import pytest

from retouch.clock import backoff
from tests.support.house import TestClock


class Chancy(TestClock):
    def __init__(self, chance):
        super().__init__()
        self.luck = chance

    def chance(self):
        return self.luck


@pytest.mark.parametrize(("chance", "waits"), [(1.0, [0.2, 0.4, 0.8]), (0.5, [0.1, 0.2, 0.4])])
def test_backing_off_begins_at_most_with_the_first_and_doubles(chance, waits):
    clock = Chancy(chance)
    assert [backoff(clock, 0.2, attempt) for attempt in (1, 2, 3)] == pytest.approx(waits)


def test_by_chance_there_is_no_wait():
    assert backoff(Chancy(0.0), 5.0, 3) == 0.0
