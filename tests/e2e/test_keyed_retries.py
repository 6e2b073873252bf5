"""Clients that repeat a request by themselves, with an Idempotency-Key: each buys one edit."""

import json
import subprocess
import uuid

import openai
import pytest
import urllib3
from urllib3.util import Retry

from devserver.server import DevServer
from devserver.settings import Workers
from tests.support.images import b64, photo
from tests.support.node_sdk import node_folder as node_folder
from tests.support.upstream import ScriptedResponse, Upstream, json_response

IMAGE = photo(64, 64)
SUCCESS = json_response({"created": 1, "data": [{"b64_json": b64(IMAGE)}]})
CLIENT_SECONDS, PROVIDER_SECONDS = 1.0, 1.5
BROKEN = ScriptedResponse(network_failure="reset")  # after the provider has got the request


class Provider(Upstream):
    """A provider that is slower than the clients, or breaks every connection."""

    def __init__(self):
        super().__init__(SUCCESS)

    def respond(self, response, delay=0.0):
        self.received.clear()
        response.delay = delay
        self.responses[:] = [response]


@pytest.fixture(scope="module")
def provider():
    with Provider() as provider:
        yield provider


@pytest.fixture(scope="module")
def url(provider):
    env = {
        "RETOUCH_AUTH_MODE": "open",
        "OPENAI_API_KEY": "sk",
        "OPENAI_BASE_URL": f"{provider.url}/v1",
    }
    with DevServer(env=env, workers=Workers(4, 8)) as server:
        yield f"{server.url}/v1"


@pytest.fixture
def key():
    return str(uuid.uuid4())


def test_urllib3_that_gives_up_and_repeats_buys_one_edit(provider, url, key):
    provider.respond(SUCCESS, PROVIDER_SECONDS)
    retries = Retry(5, allowed_methods=["POST"], backoff_factor=0)
    fields = {"model": "openai/gpt-image-2", "prompt": key, "image": ("a.png", IMAGE, "image/png")}
    with urllib3.PoolManager() as pool:
        response = pool.request(
            "POST",
            f"{url}/images/edits",
            fields=fields,
            headers={"Idempotency-Key": key},
            retries=retries,
            timeout=CLIENT_SECONDS,
        )
    assert response.json()["data"] == [{"b64_json": b64(IMAGE)}]
    assert response.retries is not None
    assert len(response.retries.history) >= 1
    assert len(provider.calls) == 1


def test_urllib3_that_repeats_failures_buys_one_edit(provider, url, key):
    provider.respond(BROKEN)
    retries = Retry(3, allowed_methods=["POST"], backoff_factor=0, status_forcelist=[502])
    fields = {"model": "openai/gpt-image-2", "prompt": key, "image": ("a.png", IMAGE, "image/png")}
    with urllib3.PoolManager() as pool, pytest.raises(urllib3.exceptions.MaxRetryError):
        pool.request(
            "POST",
            f"{url}/images/edits",
            fields=fields,
            headers={"Idempotency-Key": key},
            retries=retries,
        )
    assert len(provider.calls) == 1


def test_python_sdk_with_a_key_that_gives_up_and_repeats_buys_one_edit(provider, url, key):
    provider.respond(SUCCESS, PROVIDER_SECONDS)
    client = openai.OpenAI(
        base_url=url,
        api_key="none",
        timeout=CLIENT_SECONDS,
        # The gateway does not know this timeout, so it sends no keep-alive bytes.
        default_headers={"x-stainless-read-timeout": openai.omit},  # type: ignore[dict-item]
    )
    result = client.images.edit(
        model="openai/gpt-image-2",
        image=IMAGE,
        prompt=key,
        extra_headers={"Idempotency-Key": key},
    )
    assert result.data
    assert result.data[0].b64_json == b64(IMAGE)
    assert len(provider.calls) == 1


@pytest.mark.parametrize("response", [SUCCESS, BROKEN], ids=["success", "failure"])
def test_ai_sdk_with_a_key_buys_one_edit(provider, url, key, node_folder, tmp_path, response):
    provider.respond(response)
    (tmp_path / "a.png").write_bytes(IMAGE)
    completed = subprocess.run(
        ["node", "keyed.mjs", url, str(tmp_path / "a.png"), key],
        cwd=node_folder,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert completed.returncode == 0, completed.stderr
    expected = {"raised": "AI_RetryError"} if response is BROKEN else {"bytes": len(IMAGE)}
    assert json.loads(completed.stdout) == expected
    assert len(provider.calls) == 1
