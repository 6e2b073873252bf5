"""GET /health?deep=1: whether everything that is configured really works, in plain words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from retouch.cards import Provider
from retouch.errors import Fault
from retouch.faults import fault
from retouch.house import House
from retouch.plan.connect import check, connect, lone_target
from retouch.settings import Settings
from retouch.wire.caller import Caller

OK, ABSENT = "ok", "not configured"
_PATIENCE = 10.0  # seconds for each check


def deep(house: House) -> dict[str, Any]:
    """{"status": "ok" | "degraded", "checks": {what: "ok" | "not configured" | why not},
    "circuits": {provider: "closed" | "open" | "half-open"}}. Costs nothing.
    """
    settings = house.settings.with_secrets(house.secrets())
    checks = {"bucket": _bucket(house), **_providers(house, settings)}
    fine = all(said in (OK, ABSENT) for said in checks.values())
    return {
        "status": "ok" if fine else "degraded",
        "checks": checks,
        "circuits": house.breaker.state(),
    }


def _bucket(house: House) -> str:
    if not house.settings.bucket:
        return ABSENT
    return _said(house.bucket.reachable)


def _providers(house: House, settings: Settings) -> dict[str, str]:
    paid = [provider for provider in house.providers if provider.check]
    return {provider.name: _provider(house, settings, provider) for provider in paid}


def _provider(house: House, settings: Settings, provider: Provider) -> str:
    if "api_key" not in settings.of_provider(provider.env, provider.settings):
        return ABSENT

    def ask() -> None:
        assert provider.check is not None
        target = check(connect(lone_target(provider), Caller(), settings))
        reply = house.send(provider.check, target, house.clock.now() + _PATIENCE)
        if not 200 <= reply.status < 300:
            raise fault(target, reply)

    return _said(ask)


def _said(check: Callable[[], None]) -> str:
    try:
        check()
    except Fault as wrong:
        return str(wrong)
    except Exception as wrong:
        return f"{type(wrong).__name__}: see the log"
    return OK
