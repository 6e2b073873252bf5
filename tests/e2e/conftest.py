"""Fixtures: the development server of `make run`, with a fake provider on a real socket behind it."""

import pytest

from devserver.server import DevServer
from tests.support.images import b64, photo
from tests.support.upstream import Upstream, json_response

RESULT_IMAGE = photo(1024, 1024)
SUCCESS_RESPONSE = json_response({"created": 1, "data": [{"b64_json": b64(RESULT_IMAGE)}]})


@pytest.fixture(scope="session")
def provider():
    with Upstream(SUCCESS_RESPONSE) as server:
        yield server


@pytest.fixture(scope="session")
def gateway(provider):
    env = {
        "RETOUCH_AUTH_MODE": "open",
        "OPENAI_API_KEY": "sk-configured",
        "OPENAI_BASE_URL": f"{provider.url}/v1",
        "AZURE_OPENAI_API_KEY": "az-configured",
        "AZURE_OPENAI_ENDPOINT": provider.url,
    }
    with DevServer(env=env, workers=2, s3=True) as running:
        yield running


@pytest.fixture
def upstream(provider):
    """Return the provider with no recorded requests and its default response."""
    provider.responses[:] = [SUCCESS_RESPONSE]
    provider.received.clear()
    return provider
