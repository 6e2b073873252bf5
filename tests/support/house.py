"""A house for tests: the real wall on real sockets, a clock that can be read, results in memory."""

from datetime import date

from retouch.clock import SystemClock
from retouch.edges.http import Wall
from retouch.gateway import House
from retouch.providers import PROVIDERS
from retouch.settings import Settings


class TestClock(SystemClock):
    """Real monotonic time, a fixed date, sleeps that are recorded and skipped."""

    __test__ = False

    def __init__(self, today=date(2026, 11, 22)):
        self.slept = []
        self.skipped = 0.0
        self._today = today

    def now(self):
        return super().now() + self.skipped

    def today(self):
        return self._today

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.skipped += seconds

    def chance(self):
        return 0.5


class Shelf:
    """A store that keeps what it was given."""

    def __init__(self):
        self.kept = {}

    def put(self, data, format):
        url = f"https://results.example/{len(self.kept)}.{format}"
        self.kept[url] = data
        return url


def build_house(env=None, clock=None, store=None):
    settings = Settings.from_env(env or {})
    clock = clock or TestClock()
    return House(settings, PROVIDERS, Wall(settings, clock), store or Shelf(), clock)
