"""Routed runs against targets that fail by script and record that they were called."""

from types import SimpleNamespace
from typing import cast

from retouch.core.capabilities import collect_header_prefixes
from retouch.core.errors import Fault
from retouch.gateway.result import AttemptResult, DeliveredEdit
from retouch.gateway.routing import config as config_module
from retouch.gateway.routing.executor import RoutingExecutor
from retouch.providers import PROVIDERS
from tests.support.services import FakeClock


def parse(config):
    return config_module.parse_config(config, collect_header_prefixes(PROVIDERS))


def _failed_attempt(error):
    """Return a fault as the result of an attempt. Raise any other exception, as an attempt does."""
    if not isinstance(error, Fault):
        raise error
    return AttemptResult(error)


def answer_text(outcome):
    """Return the text of the scripted answer that a run ended with."""
    return cast("SimpleNamespace", outcome.result.outcome).text


class RoutedRun:
    """A run of a config. `script` maps a provider to the result of each call. The last result repeats."""

    def __init__(
        self, config, script, facts=None, seconds=1000.0, seconds_per_attempt=0.0, chance=0.0
    ):
        self.clock = FakeClock(fraction=chance)
        self.providers_called, self._script, self._seconds_per_attempt = (
            "",
            script,
            seconds_per_attempt,
        )
        executor = RoutingExecutor(
            self._run_attempt, facts or {}, self.clock, self.clock.now() + seconds
        )
        self.outcome = executor.execute(parse(config))

    def _run_attempt(self, target):
        results = self._script.get(target.provider, [f"answer of {target.provider}"])
        result = results[min(self.providers_called.count(target.provider), len(results) - 1)]
        self.providers_called += target.provider
        self.clock.advance(self._seconds_per_attempt)
        if callable(result):
            return _failed_attempt(result())
        answer = SimpleNamespace(billed="no", text=result)
        return AttemptResult(cast("DeliveredEdit", answer))

    @property
    def status(self):
        return self.outcome.result.status
