"""Tests of how long a request waits before it is sent again, and of the retries that do not fit into the time."""

import pytest

from retouch.core.errors import UpstreamError, UpstreamUnreachable
from retouch.core.provider_protocol import ProviderRequest, ProviderResponse
from retouch.gateway.provider_call.retry_policy import add_retries
from tests.support.plans import build_plan
from tests.support.services import FakeClock

PAID, FREE = ProviderRequest("POST", "/edits"), ProviderRequest("POST", "/uploads", idempotent=True)
SUCCESS = ProviderResponse(200, {}, b"{}")
RATE_LIMIT = b'{"error": {"message": "slow down", "code": "rate_limit_exceeded"}}'


def busy(seconds, **headers):
    return ProviderResponse(429, {"retry-after": str(seconds), **headers}, RATE_LIMIT)


def outcome_of(request, *outcomes, seconds=100.0, max_wait=10.0):
    """Return the end of a request to a provider with these outcomes, and the pauses before it was sent again."""
    clock, left = FakeClock(), list(outcomes)

    def send(_):
        outcome = left.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    deadline = clock.now() + seconds
    send_with_retries = add_retries(send, build_plan().resolved, clock, deadline, max_wait)
    return send_with_retries(request), clock.sleeps


@pytest.mark.parametrize(
    ("retry_after", "max_wait", "pauses"),
    [(3, 10, [3.5]), (10, 10, [10.5]), (11, 10, []), (3, 0, [])],
)
def test_paid_request_waits_for_a_rate_limit_at_most_the_permitted_time(
    retry_after, max_wait, pauses
):
    limited = busy(retry_after)
    response, sleeps = outcome_of(PAID, limited, SUCCESS, max_wait=max_wait)
    assert (response, sleeps) == (SUCCESS if pauses else limited, pauses)


def test_idempotent_request_waits_as_long_as_the_provider_demands():
    assert outcome_of(FREE, busy(50), SUCCESS) == (SUCCESS, [50.5])


@pytest.mark.parametrize("request_", [PAID, FREE], ids=["paid", "idempotent"])
@pytest.mark.parametrize(("seconds", "is_sent_again"), [(3.5, False), (3.6, True)])
def test_request_is_not_sent_again_when_the_pause_reaches_the_deadline(
    request_, seconds, is_sent_again
):
    response, sleeps = outcome_of(request_, busy(3), SUCCESS, seconds=seconds)
    assert (response.status, sleeps) == ((200, [3.5]) if is_sent_again else (429, []))


def test_response_that_forbids_a_retry_is_returned():
    forbidden = busy(1, **{"x-should-retry": "false"})
    assert outcome_of(PAID, forbidden, SUCCESS) == (forbidden, [])


def test_pause_before_the_third_try_is_twice_as_long_and_there_is_no_fourth():
    failures = [UpstreamUnreachable("no connection")] * 2
    assert outcome_of(PAID, *failures, SUCCESS) == (SUCCESS, [0.5, 1.0])
    with pytest.raises(UpstreamUnreachable):
        outcome_of(PAID, *failures, UpstreamUnreachable("no connection"), SUCCESS)


def test_broken_connection_is_retried_for_an_idempotent_request_only():
    broken = UpstreamError("the connection broke", retryable=True)
    assert outcome_of(FREE, broken, SUCCESS) == (SUCCESS, [0.5])
    with pytest.raises(UpstreamError):
        outcome_of(PAID, broken, SUCCESS)
