"""Measure the CPU time that a config with three targets adds: parsing and target selection, without provider calls."""

from __future__ import annotations

import time
from collections.abc import Mapping
from statistics import median
from types import SimpleNamespace
from typing import Any, cast

import orjson

from retouch.api.request.portkey_headers import parse_portkey_headers
from retouch.core.capabilities import collect_header_prefixes
from retouch.core.clock import SystemClock
from retouch.gateway.result import AttemptResult, EditPreview
from retouch.gateway.routing.config import routing_tree
from retouch.gateway.routing.executor import RoutingExecutor
from retouch.providers import PROVIDERS

TARGET = {"provider": "openai", "api_key": "sk-1", "override_params": {"quality": "low"}}
CONFIG = {
    "strategy": {"mode": "fallback"},
    "retry": {"attempts": 2},
    "targets": [{**TARGET, "name": name} for name in "abc"],
}
PLAIN_HEADERS: dict[str, str] = {}
ROUTED_HEADERS = {"x-portkey-config": orjson.dumps(CONFIG).decode()}
ROUNDS, REQUESTS_PER_ROUND = 20, 200
FAMILIES = collect_header_prefixes(PROVIDERS)

# The executor reads nothing of a success but whether it was billed.
SUCCESS = AttemptResult(cast(EditPreview, SimpleNamespace(billed="no")))


def run() -> str:
    """Return the added CPU milliseconds per request as text: the median of interleaved rounds."""
    clock = SystemClock()
    added = [
        (_cpu_seconds(ROUTED_HEADERS, clock) - _cpu_seconds(PLAIN_HEADERS, clock))
        / REQUESTS_PER_ROUND
        * 1000
        for _ in range(ROUNDS)
    ]
    return f"a config with three targets adds {median(added):.3f} ms of CPU per request (goal 0.2)"


def _cpu_seconds(headers: dict[str, str], clock: SystemClock) -> float:
    started = time.process_time()
    for _ in range(REQUESTS_PER_ROUND):
        tree = routing_tree(parse_portkey_headers(headers, FAMILIES), _load_config, FAMILIES)
        RoutingExecutor(lambda _: SUCCESS, {}, clock, clock.now() + 60).execute(tree)
    return time.process_time() - started


def _load_config(config_id: str) -> Mapping[str, Any]:
    raise LookupError(f"The requests name no saved config: {config_id}")
