"""The gateway as `make run` serves it, with a provider on a real socket behind it."""

import pytest

from local.gateway import Gateway
from tests.support.pictures import b64, photo
from tests.support.upstream import Upstream, as_json

RESULT = photo(1024, 1024)
GOOD = as_json({"created": 1, "data": [{"b64_json": b64(RESULT)}]})


@pytest.fixture(scope="session")
def provider():
    with Upstream(GOOD) as server:
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
    with Gateway(env=env, workers=2, s3=True) as running:
        yield running


@pytest.fixture
def upstream(provider):
    """The provider with a clean record and its usual answer."""
    provider.answers[:] = [GOOD]
    provider.received.clear()
    return provider
