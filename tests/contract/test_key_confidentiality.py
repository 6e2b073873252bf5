"""The provider host gets the key. Other hosts, to which the provider refers the gateway, do not."""

import pytest

from tests.contract.registry import (
    PAID_MODELS,
    PAID_PROVIDERS,
    is_live,
    make_standin,
    parameter_id,
    standin_class,
)
from tests.contract.runner import run_sample, send_request
from tests.contract.sample_requests import sample_requests
from tests.support.upstream import ScriptedResponse

SAMPLES = [(p, m, name) for p, m in PAID_MODELS for name in sample_requests(p, m)]


def request_without_body(received):
    """Return a request without its body, as text."""
    return str((received.path, received.query, received.headers))


@pytest.mark.parametrize(("provider", "model", "variant"), SAMPLES, ids=parameter_id)
def test_key_is_sent_to_provider_host_only(provider, model, variant):
    key = standin_class(provider).key
    sample_run = run_sample(provider.name, model.id, variant)
    for received in sample_run.received:
        assert key in str(received.headers)
        assert key not in str((received.path, received.query))
    for received in sample_run.result_host_requests:
        assert key not in request_without_body(received)
        assert not {"authorization", provider.auth.header.lower()} & set(received.headers)


@pytest.mark.parametrize("provider", PAID_PROVIDERS, ids=parameter_id)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_from_provider_is_not_followed(provider, status):
    model = next(m for m in provider.models if is_live(provider, m))
    request = next(iter(sample_requests(provider, model).values()))
    with make_standin(provider) as server:
        server.failure_responses = [
            ScriptedResponse(status, b"", {"location": f"{server.result_host.url}/taken"})
        ]
        outcome = send_request(request, server)
        assert outcome.status == 502
        assert server.result_host.received == []
