"""Tests of when the circuit of a provider opens and when it closes again."""

import pytest

from retouch.core.errors import (
    DeadlineExceeded,
    GatewayMisconfigured,
    Moderated,
    OutOfQuota,
    RateLimited,
    RejectedByProvider,
    Unauthorized,
    UpstreamError,
    UpstreamUnreachable,
)
from retouch.gateway.circuit_breaker import (
    BreakerLimits,
    Circuit,
    CircuitBreaker,
    ProviderDown,
    should_trip,
)
from retouch.gateway.circuit_store import InMemoryCircuitStore
from tests.support.services import FakeClock

UPSTREAM_ERROR = UpstreamError("It answered nonsense.")
NEUTRAL_FAULTS = (
    RateLimited("Slower."),
    OutOfQuota("No money."),
    Unauthorized("No key."),
    GatewayMisconfigured("A wrong key."),
    DeadlineExceeded("Never started.", billed="no"),
)
PROVIDER_UP_RESULTS = (None, Moderated("No."), RejectedByProvider("Too large."))


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def breaker(clock):
    return CircuitBreaker(InMemoryCircuitStore(), clock)


def record_results(breaker, times=5, name="p", fault=UPSTREAM_ERROR):
    for _ in range(times):
        breaker.check(name)
        breaker.record(name, fault)


def with_upstream_status(fault, status):
    """Return a copy of the fault that has this upstream status."""
    copied_fault = type(fault)(str(fault))
    copied_fault.upstream_status = status
    return copied_fault


def provider_down_error(breaker, name="p"):
    with pytest.raises(ProviderDown) as exc_info:
        breaker.check(name)
    return exc_info.value


@pytest.mark.parametrize(
    "fault",
    [UPSTREAM_ERROR, UpstreamUnreachable("No connection."), DeadlineExceeded("Late.")],
    ids=lambda f: f.code,
)
def test_fifth_failure_opens_circuit(breaker, fault):
    record_results(breaker, 4, fault=fault)
    breaker.check("p")
    breaker.record("p", fault)
    assert breaker.states() == {"p": "open"}
    exception = provider_down_error(breaker)
    assert (exception.status, exception.code, exception.billed, exception.blame) == (
        503,
        "provider_circuit_open",
        "no",
        "provider",
    )
    assert exception.retry_after == 30
    assert "30 s" in str(exception)


@pytest.mark.parametrize(
    "fault", [*NEUTRAL_FAULTS, *PROVIDER_UP_RESULTS], ids=lambda f: f.code if f else "image"
)
def test_neutral_results_never_open_circuit(breaker, fault):
    record_results(breaker, 50, fault=fault)
    breaker.check("p")
    assert breaker.states().get("p", "closed") == "closed"


def test_provider_down_error_is_not_counted_as_result(breaker, clock):
    record_results(breaker)
    clock.advance(30)
    breaker.check("p")
    breaker.record("p", provider_down_error(breaker))
    breaker.record("p", None)
    assert breaker.states() == {"p": "closed"}


def test_probe_claimed_twice_is_granted_once():
    circuits = InMemoryCircuitStore()
    circuits.open_circuit("p", 100)
    assert [circuits.claim_probe("p", 100, 130), circuits.claim_probe("p", 100, 130)] == [
        True,
        False,
    ]


def test_each_provider_and_region_has_its_own_circuit(breaker):
    record_results(breaker, name="p/east")
    provider_down_error(breaker, "p/east")
    breaker.check("p/west")
    breaker.check("p")


def test_circuit_opens_only_when_failures_outweigh_successes(breaker):
    record_results(breaker, 6, fault=None)
    record_results(breaker, 5)
    breaker.check("p")
    record_results(breaker, 1)
    provider_down_error(breaker)


@pytest.mark.parametrize("result", PROVIDER_UP_RESULTS, ids=["image", "moderated", "refused"])
def test_provider_refusal_counts_as_success(breaker, result):
    record_results(breaker, 6, fault=result)
    record_results(breaker, 5)
    breaker.check("p")


def test_circuit_does_not_open_below_minimum_requests():
    few = Circuit(failures=3)
    assert should_trip(few, BreakerLimits(min_failures=3, min_requests=3))
    assert not should_trip(few, BreakerLimits(min_failures=3, min_requests=4))


def test_failures_of_expired_window_are_not_counted(breaker, clock):
    record_results(breaker, 4)
    clock.advance(120)
    record_results(breaker, 4)
    breaker.check("p")


def test_open_circuit_becomes_half_open_after_cooldown(breaker, clock):
    record_results(breaker)
    clock.advance(29)
    assert provider_down_error(breaker).retry_after == 1
    clock.advance(1)
    assert breaker.states() == {"p": "half-open"}
    breaker.check("p")


def test_half_open_circuit_allows_one_probe(breaker, clock):
    record_results(breaker)
    clock.advance(30)
    breaker.check("p")
    assert provider_down_error(breaker).retry_after == 30
    assert breaker.states() == {"p": "open"}


@pytest.mark.parametrize("result", PROVIDER_UP_RESULTS, ids=["image", "moderated", "refused"])
def test_successful_probe_closes_circuit_and_resets_counts(breaker, clock, result):
    record_results(breaker)
    clock.advance(30)
    breaker.check("p")
    breaker.record("p", result)
    assert breaker.states() == {"p": "closed"}
    record_results(breaker, 4)
    breaker.check("p")


def test_failed_probe_restarts_cooldown(breaker, clock):
    record_results(breaker)
    clock.advance(30)
    breaker.check("p")
    clock.advance(25)
    breaker.record("p", UPSTREAM_ERROR)
    clock.advance(29)
    provider_down_error(breaker)
    clock.advance(1)
    breaker.check("p")


@pytest.mark.parametrize("fault", NEUTRAL_FAULTS, ids=lambda f: f.code)
def test_neutral_probe_result_allows_another_probe(breaker, clock, fault):
    record_results(breaker)
    clock.advance(30)
    for _ in range(3):
        breaker.check("p")
        provider_down_error(breaker)
        breaker.record("p", fault)
    assert breaker.states() == {"p": "half-open"}
    breaker.check("p")
    breaker.release_probe("p")
    breaker.check("p")
    breaker.record("p", None)
    assert breaker.states() == {"p": "closed"}


@pytest.mark.parametrize("fault", NEUTRAL_FAULTS[:-1], ids=lambda f: f.code)
@pytest.mark.parametrize("status", [400, 401, 403, 404, 429])
def test_probe_with_upstream_status_closes_circuit(breaker, clock, fault, status):
    record_results(breaker)
    clock.advance(30)
    breaker.check("p")
    breaker.record("p", with_upstream_status(fault, status))
    assert breaker.states() == {"p": "closed"}


def test_upstream_error_in_probe_keeps_circuit_open(breaker, clock):
    record_results(breaker)
    clock.advance(30)
    breaker.check("p")
    breaker.record("p", with_upstream_status(UPSTREAM_ERROR, 200))
    assert breaker.states() == {"p": "open"}


def test_many_rate_limits_do_not_hide_failures(breaker):
    record_results(breaker, 50, fault=with_upstream_status(RateLimited("Slower."), 429))
    record_results(breaker, 5)
    provider_down_error(breaker)


def test_neutral_result_without_probe_keeps_cooldown(breaker, clock):
    record_results(breaker)
    clock.advance(10)
    breaker.release_probe("p")
    breaker.record("p", RateLimited("Slower."))
    assert provider_down_error(breaker).retry_after == 20


def test_probe_is_released_only_by_its_owner(clock):
    circuits = InMemoryCircuitStore()
    late, other = CircuitBreaker(circuits, clock), CircuitBreaker(circuits, clock)
    record_results(late)
    for breaker in (late, other):
        clock.advance(30)
        breaker.check("p")
    late.release_probe("p")
    assert provider_down_error(other).retry_after == 30


def test_probe_without_result_is_followed_by_another_after_cooldown(breaker, clock):
    record_results(breaker)
    for _ in range(3):
        clock.advance(30)
        breaker.check("p")
        provider_down_error(breaker)


def test_late_results_do_not_change_open_circuit(breaker, clock):
    record_results(breaker)
    clock.advance(20)
    breaker.record("p", UPSTREAM_ERROR)
    breaker.record("p", None)
    assert provider_down_error(breaker).retry_after == 10
    clock.advance(10)
    breaker.check("p")


def test_custom_limits_are_applied(clock):
    breaker = CircuitBreaker(
        InMemoryCircuitStore(),
        clock,
        BreakerLimits(min_failures=1, min_requests=1, cooldown_seconds=90),
    )
    record_results(breaker, 1)
    clock.advance(60)
    assert provider_down_error(breaker).retry_after == 30
