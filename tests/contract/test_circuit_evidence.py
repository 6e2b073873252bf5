"""Which responses of a provider count for its circuit: only those that no request can cause by its content."""

import json
from dataclasses import replace

import pytest

from retouch.gateway.circuit_breaker import BreakerLimits, CircuitBreaker
from retouch.gateway.circuit_store import InMemoryCircuitStore
from tests.contract.registry import (
    PAID_PROVIDERS,
    make_standin,
    parameter_id,
    provider_failures,
)
from tests.contract.runner import send_request, services_for
from tests.contract.sample_requests import first_request

# Server errors in the provider's own JSON that its documentation ascribes to the inputs of a request.
INPUT_ERRORS = {("segmind", 500), ("google", 500), ("google", 504), ("vertex-ai", 500), ("vertex-ai", 504)}  # fmt: skip


def is_outage(provider, failure):
    """Return whether the failure is evidence that the provider is down: judged by what it sends, not by our code."""
    response = failure.responses[0]
    if response.network_failure:
        return True
    if response.status >= 500:
        return not is_json(response) or (provider.name, response.status) not in INPUT_ERRORS
    return response.status < 400 and not is_json(response)


def is_json(response):
    try:
        json.loads(response.body)
    except ValueError:
        return False
    return True


CASES = [
    (provider, name, failure)
    for provider in PAID_PROVIDERS
    for name, failure in provider_failures(provider).items()
    if not failure.successes_first  # a task that never ends is no single response
]
OUTAGES = [(provider, name) for provider, name, failure in CASES if is_outage(provider, failure)]
ANSWERS = [
    (provider, name) for provider, name, failure in CASES if not is_outage(provider, failure)
]


def circuit_states(provider, name):
    """Return the states of the circuits after one such response, with a breaker that opens at the first failure."""
    with make_standin(provider) as server:
        server.fail_with(server.failures()[name])
        services = services_for(server)
        limits = BreakerLimits(min_failures=1, min_requests=1)
        breaker = CircuitBreaker(InMemoryCircuitStore(), services.clock, limits)
        outcome = send_request(first_request(provider), services=replace(services, breaker=breaker))
    assert outcome.error
    return breaker.states()


@pytest.mark.parametrize(("provider", "name"), ANSWERS, ids=parameter_id)
def test_response_that_a_request_can_cause_does_not_count(provider, name):
    assert "open" not in circuit_states(provider, name).values()


@pytest.mark.parametrize(("provider", "name"), OUTAGES, ids=parameter_id)
def test_outage_of_a_provider_opens_its_circuit(provider, name):
    assert list(circuit_states(provider, name).values()) == ["open"]
