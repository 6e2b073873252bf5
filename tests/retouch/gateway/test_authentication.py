"""Tests of authentication. The gateway needs a key by default, and a rejection reveals nothing."""

import pytest

from retouch.core.settings import Settings
from retouch.gateway.authentication import key_digest
from tests.support.events import proxy_event
from tests.support.gateway_client import file_part, post_edit, send_event
from tests.support.images import cutout, photo
from tests.support.services import build_services

PEPPER = "pepper"
KEY = "rt_" + "k" * 43
KEYS = {key_digest(KEY, PEPPER): "build-server"}
FIELDS = {"prompt": "p", "image": file_part(cutout())}


def services_with_keys(**env):
    return build_services(
        {"RETOUCH_AUTH_MODE": "keys", **env}, secrets={"RETOUCH_PEPPER": PEPPER}, keys=KEYS
    )


def test_default_auth_mode_is_keys():
    assert Settings.from_env({}).auth_mode == "keys"


@pytest.mark.parametrize(
    "headers",
    [{"Authorization": f"Bearer {KEY}"}, {"x-portkey-api-key": KEY}, {"Authorization": KEY}],
)
def test_valid_key_is_accepted_in_either_header(headers):
    assert post_edit(FIELDS, headers=headers, services=services_with_keys()).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer sk-somebody"},
        {"Authorization": f"Bearer {KEY}x"},
        {"Authorization": f"Bearer rt_{'x' * 43}"},
        {"Authorization": "Bearer rt_"},
        {"x-portkey-api-key": "rt_short"},
    ],
)
def test_missing_or_invalid_key_returns_the_same_401(headers):
    response = post_edit(FIELDS, headers=headers, services=services_with_keys())
    reference = post_edit(FIELDS, services=services_with_keys())
    assert response.status == 401
    assert response.json["error"] == reference.json["error"]
    assert response.json["error"]["code"] == "invalid_api_key"
    assert response.headers["x-retouch-billed"] == "no"


def test_gateway_key_is_never_sent_to_provider(upstream, env):
    services = services_with_keys(**env)
    fields = {"model": "gpt-image-2", "prompt": "p", "image": file_part(photo())}
    post_edit(fields, headers={"Authorization": f"Bearer {KEY}"}, services=services)
    headers = {"Authorization": "Bearer sk-mine", "x-portkey-api-key": KEY}
    post_edit(fields, headers=headers, services=services)
    sent = [call.headers["authorization"] for call in upstream.calls]
    assert sent == ["Bearer sk-configured", "Bearer sk-mine"]


def test_provider_key_is_read_from_secret(upstream):
    services = build_services(
        {"OPENAI_BASE_URL": upstream.url}, secrets={"OPENAI_API_KEY": "sk-from-secret"}
    )
    post_edit(
        {"model": "gpt-image-2", "prompt": "p", "image": file_part(photo())}, services=services
    )
    assert upstream.calls[0].headers["authorization"] == "Bearer sk-from-secret"


def test_missing_pepper_returns_500_for_valid_key():
    services = build_services({"RETOUCH_AUTH_MODE": "keys"}, keys=KEYS)
    response = post_edit(FIELDS, headers={"Authorization": f"Bearer {KEY}"}, services=services)
    assert response.status == 500
    assert response.json["error"]["code"] == "gateway_not_configured"


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v1/models"), ("POST", "/v1/uploads"), ("POST", "/v1/doctor")]
)
def test_route_without_key_returns_401(method, path):
    assert (
        send_event(proxy_event(method=method, path=path), services=services_with_keys()).status
        == 401
    )


def test_health_and_openapi_need_no_key_but_deep_health_does():
    assert send_event(
        proxy_event(method="GET", path="/health"), services=services_with_keys()
    ).json == {"status": "ok"}
    assert (
        send_event(
            proxy_event(method="GET", path="/openapi.json"), services=services_with_keys()
        ).status
        == 200
    )
    deep_health = proxy_event(method="GET", path="/health")
    deep_health["queryStringParameters"] = {"deep": "1"}
    assert send_event(deep_health, services=services_with_keys()).status == 401


def test_open_auth_mode_logs_a_warning(capsys):
    post_edit(FIELDS)
    assert "anybody who reaches this gateway may use it" in capsys.readouterr().out
