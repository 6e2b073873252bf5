"""Tests of the clock and of backoff."""

import pytest

from retouch.core.clock import backoff_delay
from tests.support.services import FakeClock


class ClockWithChance(FakeClock):
    def __init__(self, chance):
        super().__init__()
        self.fixed_chance = chance

    def random_fraction(self):
        return self.fixed_chance


@pytest.mark.parametrize(("chance", "waits"), [(1.0, [0.2, 0.4, 0.8]), (0.5, [0.1, 0.2, 0.4])])
def test_backoff_starts_at_base_and_doubles(chance, waits):
    clock = ClockWithChance(chance)
    assert [backoff_delay(clock, 0.2, attempt) for attempt in (1, 2, 3)] == pytest.approx(waits)


def test_backoff_with_zero_chance_is_zero():
    assert backoff_delay(ClockWithChance(0.0), 5.0, 3) == 0.0
