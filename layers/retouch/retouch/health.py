"""GET /health?deep=1: whether everything that is configured really works, in plain words."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from typing import Any

from retouch.cards import Provider
from retouch.errors import Fault
from retouch.faults import fault
from retouch.house import House
from retouch.messages import Call
from retouch.plan.connect import check, connect, lone_target
from retouch.plan.resolve import Target
from retouch.settings import Settings
from retouch.wire.caller import Caller

OK, ABSENT, UNKNOWN, LATE = "ok", "not configured", "not checked", "no answer in time"
_FINE = (OK, ABSENT, UNKNOWN)
_GRACE = 2.0  # seconds for what ends at the limit by itself; what does not is waited for no longer


def deep(house: House, limit: float = 18.0) -> dict[str, Any]:
    """{"status": "ok" | "degraded", "checks": {what: "ok" | "not configured" | "not checked" | why not},
    "circuits": {provider: "closed" | "open" | "half-open"}}. Costs nothing.

    It is there two seconds after the limit, whatever hangs; API Gateway waits 29.
    """
    settings = house.settings.with_secrets(house.secrets())
    ends = house.clock.now() + limit
    looks = {
        provider.name: partial(_provider, house, settings, provider, ends)
        for provider in house.providers
        if provider.auth
    }
    checks = _side_by_side({"bucket": partial(_bucket, house), **looks}, limit + _GRACE)
    return {
        "status": "ok" if all(said in _FINE for said in checks.values()) else "degraded",
        "checks": checks,
        "circuits": house.breaker.state(),
    }


def _side_by_side(looks: Mapping[str, Callable[[], str]], seconds: float) -> dict[str, str]:
    pool = ThreadPoolExecutor(len(looks))
    running = {name: pool.submit(_said, look) for name, look in looks.items()}
    wait(running.values(), seconds)
    pool.shutdown(wait=False)
    return {name: one.result() if one.done() else LATE for name, one in running.items()}


def _bucket(house: House) -> str:
    if not house.settings.bucket:
        return ABSENT
    house.bucket.reachable()
    return OK


def _provider(house: House, settings: Settings, provider: Provider, ends: float) -> str:
    target = connect(lone_target(provider), Caller(), settings)
    if not _configured(target):
        return ABSENT
    check(target)
    free = provider.check
    if free is None:
        return UNKNOWN
    reply = house.send(free if isinstance(free, Call) else free(target.options), target, ends)
    if not 200 <= reply.status < 300:
        raise fault(target, reply)
    return OK


def _configured(target: Target) -> bool:
    """Whether the gateway itself can pay: with a key or credentials, or because of where it runs.

    That its AWS role vouches needs no setting; that its machine does at Google, a project.
    """
    auth = target.provider.auth
    runs = auth and (
        auth.identity == "aws" or (auth.identity == "gcp" and "project" in target.options)
    )
    return bool(target.key or target.secrets or runs)


def _said(look: Callable[[], str]) -> str:
    try:
        return look()
    except Fault as wrong:
        return str(wrong)
    except Exception as wrong:
        logging.getLogger("retouch").error("a health check failed", exc_info=wrong)
        return f"{type(wrong).__name__}: see the log"
