"""Targets that fail as they are told, and note that they were asked."""

from retouch.cards import families
from retouch.errors import Fault
from retouch.providers import PROVIDERS
from retouch.routing import config as room
from retouch.routing.run import Run
from tests.support.house import TestClock


def parse(config):
    return room.parse(config, families(PROVIDERS))


class Stage:
    """Plays a config: `script` maps a provider to what each turn brings; the last one stays."""

    def __init__(self, config, script, facts=None, seconds=1000.0, takes=0.0, chance=0.0):
        self.clock = TestClock()
        self.clock.chance = lambda: chance
        self.order, self._script, self._takes = "", script, takes
        run = Run(self._attempt, facts or {}, self.clock, self.clock.now() + seconds)
        self.outcome = run.tree(parse(config))

    def _attempt(self, leaf):
        turns = self._script.get(leaf.provider, [f"answer of {leaf.provider}"])
        found = turns[min(self.order.count(leaf.provider), len(turns) - 1)]
        self.order += leaf.provider
        self.clock.skipped += self._takes
        if callable(found):
            raise found()
        return found

    @property
    def status(self):
        found = self.outcome.found
        return found.status if isinstance(found, Fault) else 200
