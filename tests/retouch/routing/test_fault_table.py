"""Every failure times every strategy: who is asked, how often, and what comes of it."""

import pytest

from retouch.errors import (
    BadUpstream,
    InvalidRequest,
    Misconfigured,
    Moderated,
    OutOfQuota,
    OutOfTime,
    RateLimited,
    Unauthorized,
    Unreachable,
)
from tests.retouch.routing.asked import Stage


def answered(status, **how):
    """The provider's own error: this gateway's 502, whose `upstream_status` is the provider's word."""

    def fault():
        found = BadUpstream("broken", **how)
        found.upstream_status = status
        return found

    return fault


FAULTS = {
    "reset before a byte was sent": lambda: Unreachable("no"),
    "hangs": lambda: OutOfTime("late"),
    "never started": lambda: OutOfTime("late", billed="no"),
    "429": lambda: RateLimited("slow down"),
    "429 after 3 s": lambda: RateLimited("slow down", retry_after=3.0),
    "500": answered(500),
    "503, not started": answered(503, billed="no", retry_after=9.0),
    "moderated": lambda: Moderated("no"),
    "out of quota": lambda: OutOfQuota("pay"),
    "caller's key": lambda: Unauthorized("who"),
    "gateway's key": lambda: Misconfigured("who"),
    "invalid": lambda: InvalidRequest("no"),
}
A, B = {"provider": "a", "name": "a"}, {"provider": "b", "name": "b"}
PAIR = [A, B]
ALL = [400, 401, 429, 500, 503, 504]
LOADBALANCE = {"strategy": {"mode": "loadbalance"}, "targets": [{**A, "weight": 3}, B]}
STRATEGIES = {
    "single": A,
    "retry 2": {**A, "retry": {"attempts": 2}},
    "retry 2 as asked": {**A, "retry": {"attempts": 2, "use_retry_after_headers": True}},
    "retry 2 may buy twice": {**A, "retry": {"attempts": 2, "may_buy_twice": True}},
    "fallback": {"strategy": {"mode": "fallback"}, "targets": PAIR},
    "fallback on a list": {
        "strategy": {"mode": "fallback", "on_status_codes": ALL},
        "targets": PAIR,
    },
    "fallback on refusal": {
        "strategy": {"mode": "fallback", "on_content_refusal": True},
        "targets": PAIR,
    },
    "loadbalance": LOADBALANCE,
    "conditional": {"strategy": {"mode": "conditional", "default": "a"}, "targets": PAIR},
    "nested": {"strategy": {"mode": "fallback"}, "targets": [LOADBALANCE, {"provider": "c"}]},
    "fallback with retry 1": {
        "strategy": {"mode": "fallback"},
        "retry": {"attempts": 1},
        "targets": PAIR,
    },
}
# Per failure: its status, then who is asked under each strategy.
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
    (failure, strategy, status, order)
    for failure, (status, orders) in TABLE.items()
    for strategy, order in zip(COLUMNS, orders.split(), strict=True)
]


def test_the_table_is_whole():
    assert set(TABLE) == set(FAULTS)
    assert len(ROWS) == len(FAULTS) * len(STRATEGIES)


@pytest.mark.parametrize(("failure", "strategy", "status", "order"), ROWS)
def test_a_failing_target(failure, strategy, status, order):
    stage = Stage(STRATEGIES[strategy], {"a": [FAULTS[failure]]})
    outcome = stage.outcome
    assert stage.order == order
    assert len(outcome.attempts) == len(order)
    assert outcome.leaf.provider == order[-1]
    if order[-1] == "a":
        assert stage.status == status
        assert outcome.retries == (-1 if len(order) == 3 else 0)
        assert outcome.found.billed == FAULTS[failure]().billed
    else:
        assert outcome.found == f"answer of {order[-1]}"
        assert outcome.retries == 0
        assert outcome.attempts[-1].billed is None
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


@pytest.mark.parametrize(("failure", "strategy", "slept"), WAITS)
def test_how_long_it_waits(failure, strategy, slept):
    assert Stage(STRATEGIES[strategy], {"a": [FAULTS[failure]]}).clock.slept == slept
