"""The free health check of a provider: it reports ok with a valid key and a clear message with an invalid key."""

import pytest

from retouch.gateway import health
from tests.contract.registry import PAID_PROVIDERS, make_standin, parameter_id
from tests.contract.runner import services_for

PROVIDERS_WITH_HEALTH_CHECK = [provider for provider in PAID_PROVIDERS if provider.health_check]


@pytest.mark.parametrize("provider", PROVIDERS_WITH_HEALTH_CHECK, ids=parameter_id)
def test_health_check_with_valid_key_reports_ok(provider):
    with make_standin(provider) as server:
        assert health.check_health(services_for(server))["checks"][provider.name] == health.OK
        assert len(server.received) == 1


@pytest.mark.parametrize("provider", PROVIDERS_WITH_HEALTH_CHECK, ids=parameter_id)
def test_health_check_with_invalid_key_reports_rejected_key(provider):
    with make_standin(provider) as server:
        services = services_for(server)
        server.key = "another-key-0123456789"
        message = health.check_health(services)["checks"][provider.name]
    assert "did not accept the gateway's API key" in message
