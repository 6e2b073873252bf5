"""A house for tests: the real wall on real sockets, a clock that can be read, results in memory."""

from datetime import date

from retouch.breaker import Breaker, OwnCircuits
from retouch.clock import SystemClock
from retouch.edges.aws.bedrock_guardrail import BedrockGuardrail
from retouch.edges.aws.session import Aws
from retouch.edges.fetch.web import Web
from retouch.edges.upstream.http import Wall
from retouch.edges.upstream.identity import Identities
from retouch.guardrails import Tools
from retouch.house import House
from retouch.providers import PROVIDERS
from retouch.routing.saved import SavedConfigs
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
    """A bucket that keeps what it was given."""

    def __init__(self):
        self.kept = {}

    def put(self, data, format):
        key = f"results/{len(self.kept)}.{format}"
        self.kept[f"https://results.example/{key}"] = data
        return key

    def sign(self, key, seconds):
        return f"https://results.example/{key}"

    def upload(self, upload_id):
        return self.kept.get(upload_id)

    def object(self, name):
        return self.kept.get(name)

    def invite(self, content_type):
        return f"upload_{'0' * 32}", {"url": "https://bucket.example/", "fields": {}}

    def reachable(self):
        pass


class Cupboard(dict):
    """A store of answers in memory."""

    def get(self, key, max_age):
        return super().get(key)

    def put(self, key, data, max_age):
        self[key] = data


def build_wall(settings, clock):
    """The real wall with the real guard behind it."""
    return Wall(settings, clock, Web(settings, clock, Aws(), print).result, Identities(clock))


def build_house(
    env=None,
    clock=None,
    bucket=None,
    secrets=None,
    keys=None,
    providers=PROVIDERS,
    configs=None,
    cache=None,
    breaker=None,
):
    settings = Settings.from_env({"RETOUCH_AUTH_MODE": "open", **(env or {})})
    clock = clock or TestClock()
    return House(
        settings=settings,
        providers=providers,
        send=build_wall(settings, clock),
        bucket=bucket or Shelf(),
        web=Web(settings, clock, Aws(), print).picture,
        clock=clock,
        secrets=lambda: secrets or {},
        keys=lambda digest: (keys or {}).get(digest),
        tools=Tools(Web(settings, clock, Aws(), print).webhook, BedrockGuardrail(Aws()), clock),
        breaker=breaker or Breaker(OwnCircuits(), clock),
        cache=Cupboard() if cache is None else cache,
        configs=SavedConfigs((configs or {}).get, clock),
    )
