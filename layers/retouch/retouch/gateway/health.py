"""GET /health?deep=1: a check that each configured service works."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from typing import Any

from retouch.core.capabilities import Provider
from retouch.core.credentials.client_credentials import ClientCredentials
from retouch.core.errors import Fault
from retouch.core.provider_protocol import ProviderRequest
from retouch.core.settings import Settings
from retouch.gateway.lifecycle import LifecycleReport
from retouch.gateway.provider_call.error_mapping import fault_from_response
from retouch.gateway.services import Services
from retouch.planning.connection import (
    is_configured,
    provider_target,
    require_connection,
    resolve_connection,
)

OK, NOT_CONFIGURED, NOT_CHECKED, TIMED_OUT = (
    "ok",
    "not configured",
    "not checked",
    "no response in time",
)
_HEALTHY_RESULTS = (OK, NOT_CONFIGURED, NOT_CHECKED)
# seconds after the limit in which a check may still end; then it has timed out
_GRACE_SECONDS = 2.0
_NO_ORDER = "health"  # no key of the table has this form


def check_health(services: Services, max_seconds: float = 18.0) -> dict[str, Any]:
    """Return the health report. No check costs money.

    The report is {"status": "ok" | "warn" | "degraded", "checks": {name: "ok" | "not configured" | "not checked" |
    error}, "circuits": {provider: "closed" | "open" | "half-open"}, "lifecycle": "not checked" | list}. It has no
    circuits while the circuit breaker is off. "warn" means that only shutdown dates or lists of models differ. The
    report is complete two seconds after `max_seconds`, even if a check hangs. API Gateway waits 29 seconds.
    """
    settings = services.settings_with_secrets()
    deadline = services.clock.now() + max_seconds
    lifecycle = LifecycleReport(services.clock.today())
    provider_checks = {
        provider.name: partial(_check_provider, services, settings, provider, deadline, lifecycle)
        for provider in services.providers
        if provider.auth
    }
    results = _run_parallel(
        {
            "bucket": partial(_check_bucket, services),
            "orders": partial(_check_orders, services),
            **provider_checks,
        },
        max_seconds + _GRACE_SECONDS,
    )
    differences = lifecycle.all_differences()
    is_healthy = all(result in _HEALTHY_RESULTS for result in results.values())
    return {
        "status": "degraded" if not is_healthy else "warn" if differences else "ok",
        "checks": results,
        "circuits": services.breaker.states() if settings.breaker_enabled else {},
        "lifecycle": differences if lifecycle.differences else NOT_CHECKED,
    }


def _run_parallel(checks: Mapping[str, Callable[[], str]], seconds: float) -> dict[str, str]:
    pool = ThreadPoolExecutor(len(checks))
    futures = {name: pool.submit(_check_result, run_check) for name, run_check in checks.items()}
    wait(futures.values(), seconds)
    pool.shutdown(wait=False)
    return {
        name: future.result() if future.done() else TIMED_OUT for name, future in futures.items()
    }


def _check_bucket(services: Services) -> str:
    if not services.settings.bucket:
        return NOT_CONFIGURED
    services.bucket.check_access()
    return OK


def _check_orders(services: Services) -> str:
    if services.orders is None:
        return NOT_CONFIGURED
    services.orders.table.read(_NO_ORDER)
    return OK


def _check_provider(
    services: Services,
    settings: Settings,
    provider: Provider,
    deadline: float,
    lifecycle: LifecycleReport,
) -> str:
    resolved = resolve_connection(provider_target(provider), ClientCredentials(), settings)
    if not is_configured(resolved, settings):
        return NOT_CONFIGURED
    require_connection(resolved)
    health_check = provider.health_check
    if health_check is None:
        return NOT_CHECKED
    response = services.send(
        health_check
        if isinstance(health_check, ProviderRequest)
        else health_check(resolved.options),
        resolved,
        deadline,
    )
    if not 200 <= response.status < 300:
        return _failure_text(provider, fault_from_response(resolved, response))
    lifecycle.add(provider, response)
    return OK


def _failure_text(provider: Provider, fault: Fault) -> str:
    """Return the message of a failed check. It names the provider, whose own words often do not."""
    message = str(fault)
    return message if provider.title in message else f"{provider.title}: {message}"


def _check_result(run_check: Callable[[], str]) -> str:
    try:
        return run_check()
    except Fault as error:
        return str(error)
    except Exception as error:
        logging.getLogger("retouch").error("a health check failed", exc_info=error)
        return f"{type(error).__name__}: see the log"
