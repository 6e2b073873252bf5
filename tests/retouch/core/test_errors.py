"""Tests of faults: a fault is never changed, a copy says more."""

import pytest

from retouch.core.errors import MethodNotAllowed, RequestTimeout, UpstreamError, worst_billing
from retouch.gateway.config_reader import InvalidConfig
from retouch.gateway.guardrails.runner import HooksFailed

FAULTS = [
    UpstreamError("broken", code="provider_error", retry_after=2.0),
    MethodNotAllowed("no", allow=["GET", "POST"]),
    RequestTimeout(1.5, "unknown"),
    InvalidConfig("config.targets[0]", "is wrong"),
    HooksFailed([{"id": "h", "deny": True, "verdict": False, "checks": []}]),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
def test_copy_with_other_billing_keeps_everything_else(fault):
    before = dict(fault.__dict__)
    copy = fault.with_billing("yes")
    assert fault.__dict__ == before
    assert (type(copy), str(copy), copy.billed) == (type(fault), str(fault), "yes")
    assert {**copy.__dict__, "billed": None} == {**before, "billed": None}
    assert copy.should_retry is False


def test_copy_with_upstream_status_leaves_the_fault_unchanged():
    fault = UpstreamError("broken")
    assert (fault.with_upstream_status(503).upstream_status, fault.upstream_status) == (503, None)


def test_worst_billing_is_yes_before_unknown_before_no():
    assert worst_billing(["no", "yes", "unknown"]) == "yes"
    assert worst_billing(["no", "unknown"]) == "unknown"
    assert worst_billing([]) == "no"
