"""Tests of which keys a custom host gets."""

import json

import pytest

from tests.support.events import form_event
from tests.support.gateway_client import file_part, send_event
from tests.support.images import b64, photo
from tests.support.services import build_services
from tests.support.upstream import Upstream, json_response

OPERATOR_KEYS = {
    "OPENAI_API_KEY": "sk-operator",
    "STABILITY_API_KEY": "sk-operator-stability",
    "GOOGLE_API_KEY": "operator-google",
    "REKA_API_KEY": "operator-reka",
}
VIRTUAL_KEYS = json.dumps({"team": {"provider": "openai", "api_key": "sk-virtual"}})
SAVED = {
    "configs/pc-key.json": {"provider": "openai", "api_key": "sk-saved"},
    "configs/pc-host.json": {"provider": "openai"},
}


@pytest.fixture
def host():
    with Upstream(json_response({"data": [{"b64_json": b64(photo())}]})) as upstream:
        yield upstream


def send_edit(host, entry, *, model="openai/gpt-image-2", config=None, header_host=True, **headers):
    url = f"{host.url}/v1"
    configs = {
        **SAVED,
        "configs/pc-both.json": {**SAVED["configs/pc-key.json"], "custom_host": url},
    }
    services = build_services(
        {**OPERATOR_KEYS, "RETOUCH_CUSTOM_HOSTS": entry.format(url)},
        secrets={"RETOUCH_VIRTUAL_KEYS": VIRTUAL_KEYS},
        configs={name: json.dumps(value).encode() for name, value in configs.items()},
    )
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    if header_host:
        names["x-portkey-custom-host"] = url
    if config:
        text = config if isinstance(config, str) else json.dumps(config).replace("HOST", url)
        names["x-portkey-config"] = text
    fields = {"model": model, "prompt": "p", "image": file_part(photo())}
    return send_event(form_event(fields, names), services=services)


def assert_not_allowed(response, host):
    error = response.json["error"]
    assert (response.status, error["code"]) == (400, "custom_host_not_allowed")
    assert host.received == []


def sent_keys(host):
    return [call.headers["authorization"] for call in host.calls]


@pytest.mark.parametrize(
    "model",
    [
        "openai/gpt-image-2",
        "stability-ai/image-to-image",
        "google/gemini-nano-banana-2.1",
        "reka-ai/reka-flash",
        "bedrock/edit",
    ],
)
def test_unbound_host_gets_no_key_of_the_operator(host, model):
    assert_not_allowed(send_edit(host, "{}", model=model), host)


def test_host_gets_the_operators_key_of_the_provider_it_is_bound_to(host):
    assert send_edit(host, "google=https://x.example, openai={}").status == 200
    assert sent_keys(host) == ["Bearer sk-operator"]


@pytest.mark.parametrize("model", ["stability-ai/image-to-image", "google/gemini-nano-banana-2.1"])
@pytest.mark.parametrize("key", [{}, {"authorization": "Bearer mine"}])
def test_bound_host_is_refused_for_another_provider(host, model, key):
    assert_not_allowed(send_edit(host, "openai={}", model=model, **key), host)


@pytest.mark.parametrize("entry", ["{}", "openai={}"])
def test_host_gets_the_callers_own_key(host, entry):
    headers = {"authorization": "Bearer sk-mine", "x-portkey-provider": "openai"}
    assert send_edit(host, entry, **headers).status == 200
    config = {"provider": "openai", "api_key": "sk-config", "custom_host": "HOST"}
    assert send_edit(host, entry, config=config, header_host=False).status == 200
    assert sent_keys(host) == ["Bearer sk-mine", "Bearer sk-config"]


def test_virtual_key_is_sent_to_a_bound_host_only(host):
    headers = {"x-portkey-virtual-key": "team"}
    assert_not_allowed(send_edit(host, "{}", model="gpt-image-2", **headers), host)
    assert send_edit(host, "openai={}", model="gpt-image-2", **headers).status == 200
    assert sent_keys(host) == ["Bearer sk-virtual"]


def test_key_of_a_saved_config_is_not_sent_to_an_unbound_host_of_a_header(host):
    assert_not_allowed(send_edit(host, "{}", config="pc-key"), host)
    assert_not_allowed(send_edit(host, "{}", config="pc-host"), host)
    assert send_edit(host, "{}", config="pc-both", header_host=False).status == 200
    assert sent_keys(host) == ["Bearer sk-saved"]


def test_unknown_host_is_refused_even_with_a_key_of_the_caller(host):
    headers = {"authorization": "Bearer sk-mine", "x-portkey-provider": "openai"}
    assert_not_allowed(send_edit(host, "openai=https://x.example", **headers), host)


def test_local_provider_ignores_a_custom_host(host):
    response = send_edit(host, "{}", model="local/erase")
    assert response.json.get("error", {}).get("code") != "custom_host_not_allowed"
