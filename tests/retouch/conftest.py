"""Fixtures with SQS, S3 and EventBridge. Each test file starts its own server, so no other test finds it running."""

from __future__ import annotations

import pytest
from botocore.loaders import JSONFileLoader

from tests.support import mirror
from tests.support.images import b64, photo
from tests.support.upstream import Upstream, json_response

RESULT = photo(1024, 1024)


@pytest.fixture(scope="session", autouse=True)
def parsed_service_descriptions():
    """Let botocore parse each description of a service once. It would parse them for every new session."""
    load, parsed = JSONFileLoader.load_file, {}

    def load_once(loader, path):
        if path not in parsed:
            parsed[path] = load(loader, path)
        return parsed[path]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JSONFileLoader, "load_file", load_once)
        yield


@pytest.fixture
def upstream():
    """Start a provider that responds to every edit with one image."""
    with Upstream(json_response({"created": 1, "data": [{"b64_json": b64(RESULT)}]})) as server:
        yield server


@pytest.fixture
def env(upstream):
    """Return settings that point the OpenAI and Azure OpenAI hosts at the upstream."""
    return {
        "OPENAI_API_KEY": "sk-configured",
        "OPENAI_BASE_URL": f"{upstream.url}/v1",
        "AZURE_OPENAI_API_KEY": "az-configured",
        "AZURE_OPENAI_ENDPOINT": upstream.url,
    }


@pytest.fixture
def web():
    with mirror.ImageHost() as server:
        yield server
