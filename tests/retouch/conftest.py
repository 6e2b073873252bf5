import pytest

from tests.support.pictures import b64, photo
from tests.support.upstream import Upstream, as_json

RESULT = photo(1024, 1024)


@pytest.fixture
def upstream():
    """A provider that answers every edit with one picture."""
    with Upstream(as_json({"created": 1, "data": [{"b64_json": b64(RESULT)}]})) as server:
        yield server


@pytest.fixture
def env(upstream):
    """Settings that point both GPT image hosts at the upstream."""
    return {
        "OPENAI_API_KEY": "sk-configured",
        "OPENAI_BASE_URL": f"{upstream.url}/v1",
        "AZURE_OPENAI_API_KEY": "az-configured",
        "AZURE_OPENAI_ENDPOINT": upstream.url,
    }
