"""Tests of Portkey's configs: targets, fallbacks, retries, conditions and what is rejected."""

import json

import pytest

from tests.support.events import proxy_event
from tests.support.gateway_client import file_part, post_edit, send_event
from tests.support.images import box_mask
from tests.support.portkey_edits import (
    FIELDS,
    IMAGE_RESPONSE,
    MODERATED,
    RATE_LIMITED,
    SERVER_ERROR,
    A,
    B,
    fallback_config,
    send_edit,
    send_rejected_edit,
    services_with_virtual_keys,
    target_and_retries,
)
from tests.support.services import build_services
from tests.support.upstream import ScriptedResponse, json_response


def test_fallback_target_uses_its_own_key_and_request_format(upstreams):
    openai, azure = upstreams
    openai.responses = [RATE_LIMITED]
    mask = {"mask": file_part(box_mask())}
    response = send_edit(upstreams, fallback_config(A, B), mask)
    assert response.status == 200
    assert target_and_retries(response) == ("config.targets[1]", "0")
    assert openai.calls[0].headers["authorization"] == "Bearer sk-a"
    assert azure.calls[0].headers["api-key"] == "az-b"
    assert "authorization" not in azure.calls[0].headers
    assert openai.calls[0].fields["model"] == "gpt-image-2"
    assert "model" not in azure.calls[0].fields


@pytest.mark.parametrize(
    ("failure", "strategy", "status", "azure_calls"),
    [
        (RATE_LIMITED, {}, 200, 1),
        (SERVER_ERROR, {}, 502, 0),  # may have been billed
        (SERVER_ERROR, {"on_status_codes": [502]}, 200, 1),
        (SERVER_ERROR, {"on_status_codes": [500]}, 200, 1),  # the status that the provider returned
        (MODERATED, {}, 400, 0),
        (MODERATED, {"on_status_codes": [400]}, 400, 0),
        (MODERATED, {"on_content_refusal": True}, 200, 1),
        (ScriptedResponse(network_failure="cut", body=b"{" * 100), {}, 502, 0),
    ],
)
def test_possibly_billed_failure_does_not_fall_back_by_default(
    upstreams, failure, strategy, status, azure_calls
):
    openai, azure = upstreams
    openai.responses = [failure]
    response = send_edit(upstreams, fallback_config(A, B, **strategy))
    assert response.status == status, response.json
    assert (len(openai.calls), len(azure.calls)) == (1, azure_calls)


def test_only_unbilled_failures_are_retried_by_default(upstreams):
    openai, _ = upstreams
    retry = {"attempts": 3, "on_status_codes": [429, 502]}
    openai.responses = [RATE_LIMITED, RATE_LIMITED, IMAGE_RESPONSE]
    response = send_edit(upstreams, {**A, "retry": retry})
    assert (response.status, target_and_retries(response)) == (200, ("config", "2"))
    openai.received.clear()
    openai.responses = [SERVER_ERROR]
    response = send_edit(upstreams, {**A, "retry": retry})
    assert (response.status, target_and_retries(response), len(openai.calls)) == (
        502,
        ("config", "0"),
        1,
    )
    openai.received.clear()
    response = send_edit(upstreams, {**A, "retry": {**retry, "may_buy_twice": True}})
    assert (response.status, target_and_retries(response), len(openai.calls)) == (
        502,
        ("config", "-1"),
        4,
    )


def test_override_params_are_sent_in_multipart_request(upstreams):
    override = {"quality": "low", "n": 2, "prompt": "another"}
    send_edit(upstreams, {**A, "override_params": override})
    fields = upstreams[0].calls[0].fields
    assert (fields["quality"], fields["n"], fields["prompt"]) == ("low", "2", "another")


def test_invalid_override_param_is_rejected(upstreams):
    response = send_edit(upstreams, {**A, "override_params": {"quality": "shiny"}})
    assert (response.status, response.json["error"]["param"]) == (400, "quality")
    assert upstreams[0].calls == []


@pytest.mark.parametrize(
    ("query", "target"),
    [
        ({"params.model": {"$eq": "gpt-image-2"}}, 1),
        ({"params.image_count": {"$gt": 1}}, 0),
        ({"params.has_mask": {"$eq": True}}, 0),
        ({"metadata.plan": {"$in": ["paid"]}}, 1),
        ({"$or": [{"params.megapixels": {"$gt": 9}}, {"url.pathname": "/v1/images/edits"}]}, 1),
    ],
)
def test_conditions_read_multipart_fields_and_metadata(upstreams, query, target):
    strategy = {
        "mode": "conditional",
        "conditions": [{"query": query, "then": "b"}],
        "default": "a",
    }
    response = send_edit(
        upstreams, {"strategy": strategy, "targets": [A, B]}, metadata=json.dumps({"plan": "paid"})
    )
    assert target_and_retries(response)[0] == f"config.targets[{target}]"


def test_request_timeout_returns_408_with_documented_body(upstreams):
    upstreams[0].responses = [ScriptedResponse(network_failure="hang")]
    response = send_edit(upstreams, A, request_timeout="300")
    assert response.status == 408
    assert response.json["error"] == {
        "message": "Request exceeded the timeout sent in the request: 300ms",
        "type": "timeout_error",
        "param": None,
        "code": None,
    }
    assert response.headers["x-retouch-billed"] == "unknown"
    assert response.headers["x-should-retry"] == "false"


@pytest.mark.parametrize(
    "config", ["{", "[]", {"strategy": {"mode": "fallback"}}, {"targets": [{"colour": 1}]}]
)
def test_invalid_config_is_rejected_without_call(upstreams, config):
    response = send_edit(upstreams, config)
    assert (response.status, response.json["error"]["code"]) == (400, "invalid_config")
    assert upstreams[0].received == upstreams[1].received == []


def test_failing_provider_opens_circuit_and_fallback_is_used(upstreams):
    openai, azure = upstreams
    openai.responses = [SERVER_ERROR]
    env = {"OPENAI_BASE_URL": openai.url, "AZURE_OPENAI_ENDPOINT": azure.url}
    services = build_services(env)
    for _ in range(5):
        assert send_edit(upstreams, A, services=services).status == 502
    response = send_edit(upstreams, A, services=services)
    assert (response.status, response.json["error"]["code"]) == (503, "provider_circuit_open")
    assert response.headers["x-retouch-billed"] == "no"
    assert len(openai.calls) == 5
    assert send_edit(upstreams, fallback_config(A, B), services=services).status == 200
    assert services.breaker.states()["openai"] == "open"


def test_client_errors_do_not_open_circuit(upstreams):
    openai, _ = upstreams
    openai.responses = [MODERATED]
    services = build_services({"OPENAI_BASE_URL": openai.url})
    for _ in range(8):
        assert send_edit(upstreams, A, services=services).status == 400
    assert services.breaker.states().get("openai", "closed") == "closed"


def test_retry_config_replaces_built_in_retries(upstreams):
    openai, _ = upstreams
    openai.responses = [
        json_response({"error": {"message": "slow down"}}, 429, **{"retry-after-ms": "50"})
    ]
    response = send_edit(upstreams, {**A, "retry": {"attempts": 1, "use_retry_after_header": True}})
    assert (response.status, target_and_retries(response), len(openai.calls)) == (
        429,
        ("config", "-1"),
        2,
    )


def test_invalid_config_header_does_not_fail_health_check():
    services = build_services()
    headers = {"x-portkey-config": "{"}
    assert (
        send_event(
            proxy_event(method="GET", path="/health", headers=headers), services=services
        ).status
        == 200
    )


@pytest.mark.parametrize(
    ("config", "param"),
    [
        ({"virtual_key": "az", "azure_deployment_id": "mine"}, "x-portkey-config"),
        ({"virtual_key": "TeamA", "openai_organization": "org"}, "x-portkey-config"),
        ({"provider": "openai", "api_key": "k", "virtual_key": "TeamA"}, "x-portkey-config"),
        ({"provider": "azure-openai", "azure_api_version": "v1"}, "x-portkey-config"),
        ({"provider": "azure-openai", "azure_ad_token": "MY-OWN"}, "x-portkey-azure-ad-token"),
    ],
)
def test_inapplicable_config_option_is_rejected(upstreams, config, param):
    services = services_with_virtual_keys(
        upstreams, AZURE_OPENAI_API_KEY="az-op", OPENAI_API_KEY="sk-op"
    )
    message = send_rejected_edit(upstreams, param, config, services=services)
    assert "MY-OWN" not in message


@pytest.mark.parametrize("key", ["sk-SEC\nRET", "sk-SECé", "rt_SEC"])
def test_invalid_config_key_is_rejected_and_never_logged(upstreams, capsys, key):
    message = send_rejected_edit(
        upstreams, "x-portkey-config", {"provider": "openai", "api_key": key}
    )
    assert "config.api_key" in message
    assert "SEC" not in message + capsys.readouterr().out


@pytest.mark.parametrize(
    "broken",
    [
        {**B, "input_guardrails": [{"nope.check": {}}]},
        {**B, "custom_host": "https://unknown.example"},
        {**B, "forward_headers": ["x-unknown"]},
        {**B, "override_params": {"quality": "low", "model": "openai/nope"}},
        {"provider": "openai", "override_params": {"model": "nope"}},
        {**B, "override_params": {"n": 99}},
        {"virtual_key": "nobody"},
        {"provider": "@nobody"},
        {**B, "azure_resource_name": "unknown.example/#"},
    ],
)
@pytest.mark.parametrize("build_config", [fallback_config, lambda a, b, **_: {"targets": [a, b]}])
def test_invalid_target_is_rejected_before_any_call(upstreams, broken, build_config):
    upstreams[0].responses = [SERVER_ERROR]
    config = build_config(A, broken, on_status_codes=[500])
    headers = {"x-portkey-config": json.dumps(config), "x-unknown": "1"}
    response = post_edit(FIELDS, headers=headers, services=services_with_virtual_keys(upstreams))
    assert response.status in (400, 404)
    assert response.headers["x-retouch-billed"] == "no"
    assert upstreams[0].received == upstreams[1].received == []
