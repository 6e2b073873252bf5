"""Tests of every failure with every strategy: which targets are called, how often, and the final result."""

import pytest

from retouch.core.errors import (
    DeadlineExceeded,
    GatewayMisconfigured,
    InvalidRequest,
    Moderated,
    OutOfQuota,
    RateLimited,
    Unauthorized,
    UpstreamError,
    UpstreamUnreachable,
)
from tests.retouch.gateway.routing.routed_run import RoutedRun, answer_text


def provider_error(status, **options):
    """Return a factory of our 502 error for a provider error with this `upstream_status`."""

    def build_fault():
        fault = UpstreamError("broken", **options)
        fault.upstream_status = status
        return fault

    return build_fault


FAULTS = {
    "reset before a byte was sent": lambda: UpstreamUnreachable("no"),
    "hangs": lambda: DeadlineExceeded("late"),
    "never started": lambda: DeadlineExceeded("late", billed="no"),
    "429": lambda: RateLimited("slow down"),
    "429 after 3 s": lambda: RateLimited("slow down", retry_after=3.0),
    "500": provider_error(500),
    "503, not started": provider_error(503, billed="no", retry_after=9.0),
    "moderated": lambda: Moderated("no"),
    "out of quota": lambda: OutOfQuota("pay"),
    "caller's key": lambda: Unauthorized("who"),
    "gateway's key": lambda: GatewayMisconfigured("who"),
    "invalid": lambda: InvalidRequest("no"),
}
A, B = {"provider": "a", "name": "a"}, {"provider": "b", "name": "b"}
BOTH_TARGETS = [A, B]
ALL = [400, 401, 429, 500, 503, 504]
LOADBALANCE = {"strategy": {"mode": "loadbalance"}, "targets": [{**A, "weight": 3}, B]}
STRATEGIES = {
    "single": A,
    "retry 2": {**A, "retry": {"attempts": 2}},
    "retry 2 as asked": {**A, "retry": {"attempts": 2, "use_retry_after_headers": True}},
    "retry 2 may buy twice": {**A, "retry": {"attempts": 2, "may_buy_twice": True}},
    "fallback": {"strategy": {"mode": "fallback"}, "targets": BOTH_TARGETS},
    "fallback on a list": {
        "strategy": {"mode": "fallback", "on_status_codes": ALL},
        "targets": BOTH_TARGETS,
    },
    "fallback on refusal": {
        "strategy": {"mode": "fallback", "on_content_refusal": True},
        "targets": BOTH_TARGETS,
    },
    "loadbalance": LOADBALANCE,
    "conditional": {"strategy": {"mode": "conditional", "default": "a"}, "targets": BOTH_TARGETS},
    "nested": {"strategy": {"mode": "fallback"}, "targets": [LOADBALANCE, {"provider": "c"}]},
    "fallback with retry 1": {
        "strategy": {"mode": "fallback"},
        "retry": {"attempts": 1},
        "targets": BOTH_TARGETS,
    },
}
# Per failure: its status, then the providers that are called under each strategy.
COLUMNS = tuple(STRATEGIES)
TABLE = {
    "reset before a byte was sent": (502, "a aaa aaa aaa ab a ab a a ac aab"),
    "hangs": (504, "a a a aaa a ab a a a a a"),
    "never started": (504, "a aaa aaa aaa ab ab ab a a ac aab"),
    "429": (429, "a aaa aaa aaa ab ab ab a a ac aab"),
    "429 after 3 s": (429, "a aaa aaa aaa ab ab ab a a ac aab"),
    "500": (502, "a a a aaa a ab a a a a a"),
    "503, not started": (502, "a aaa aaa aaa ab ab ab a a ac aab"),
    "moderated": (400, "a a a a a a ab a a a a"),
    "out of quota": (429, "a a a a ab ab ab a a ac ab"),
    "caller's key": (401, "a a a a a ab a a a a a"),
    "gateway's key": (500, "a a a a ab ab ab a a ac ab"),
    "invalid": (400, "a a a a a ab a a a a a"),
}
ROWS = [
    (failure, strategy, status, providers)
    for failure, (status, provider_lists) in TABLE.items()
    for strategy, providers in zip(COLUMNS, provider_lists.split(), strict=True)
]


def test_fault_table_covers_every_failure_and_strategy():
    assert set(TABLE) == set(FAULTS)
    assert len(ROWS) == len(FAULTS) * len(STRATEGIES)


@pytest.mark.parametrize(("failure", "strategy", "status", "expected_providers"), ROWS)
def test_failing_target_calls_expected_providers_per_strategy(
    failure, strategy, status, expected_providers
):
    run = RoutedRun(STRATEGIES[strategy], {"a": [FAULTS[failure]]})
    outcome = run.outcome
    assert run.providers_called == expected_providers
    assert len(outcome.attempts) == len(expected_providers)
    assert outcome.target.provider == expected_providers[-1]
    if expected_providers[-1] == "a":
        assert run.status == status
        assert outcome.retries == (-1 if len(expected_providers) == 3 else 0)
        assert outcome.result.outcome.billed == FAULTS[failure]().billed
    else:
        assert answer_text(outcome) == f"answer of {expected_providers[-1]}"
        assert outcome.retries == 0
        assert outcome.attempts[-1].billed == "no"
    assert outcome.attempts[0].billed == FAULTS[failure]().billed


WAITS = [
    ("429", "retry 2", [1.0, 2.0]),
    ("429 after 3 s", "retry 2", [1.0, 2.0]),
    ("429", "retry 2 as asked", [1.0, 2.0]),
    ("429 after 3 s", "retry 2 as asked", [3.0, 3.0]),
    ("503, not started", "retry 2 as asked", [1.0, 2.0]),
    ("hangs", "retry 2 may buy twice", [1.0, 2.0]),
    ("out of quota", "retry 2 as asked", []),
    ("429", "fallback", []),
]


@pytest.mark.parametrize(("failure", "strategy", "expected_sleeps"), WAITS)
def test_retry_waits_expected_seconds(failure, strategy, expected_sleeps):
    assert RoutedRun(STRATEGIES[strategy], {"a": [FAULTS[failure]]}).clock.sleeps == expected_sleeps
