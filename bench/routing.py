"""What a config with three targets costs over the plain way: CPU of reading it and choosing, without any call."""

from __future__ import annotations

import time
from statistics import median

import orjson

from retouch.cards import families
from retouch.clock import SystemClock
from retouch.providers import PROVIDERS
from retouch.routing.asked import tree_of
from retouch.routing.run import Run
from retouch.wire.portkey import read

TARGET = {"provider": "openai", "api_key": "sk-1", "override_params": {"quality": "low"}}
CONFIG = {
    "strategy": {"mode": "fallback"},
    "retry": {"attempts": 2},
    "targets": [{**TARGET, "name": name} for name in "abc"],
}
PLAIN, ROUTED = {}, {"x-portkey-config": orjson.dumps(CONFIG).decode()}
ROUNDS, EACH = 20, 200
FAMILIES = families(PROVIDERS)


def run() -> str:
    """The added CPU in milliseconds a request, the median of interleaved rounds."""
    clock = SystemClock()
    added = [(_spent(ROUTED, clock) - _spent(PLAIN, clock)) / EACH * 1000 for _ in range(ROUNDS)]
    return f"a config with three targets adds {median(added):.3f} ms of CPU a request (goal 0.2)"


def _spent(headers: dict[str, str], clock: SystemClock) -> float:
    started = time.process_time()
    for _ in range(EACH):
        tree = tree_of(read(headers, FAMILIES), dict, FAMILIES)
        Run(lambda leaf: leaf, {}, clock, clock.now() + 60).tree(tree)
    return time.process_time() - started
