"""Tests of keys, virtual keys and the options of providers in Portkey's headers and configs."""

import json

import pytest

from tests.support.gateway_client import file_part, post_edit
from tests.support.images import b64, box_mask, photo
from tests.support.portkey_edits import (
    RATE_LIMITED,
    B,
    fallback_config,
    send_edit,
    send_rejected_edit,
    services_with_virtual_keys,
)
from tests.support.services import build_services
from tests.support.upstream import json_response


def test_saved_config_and_virtual_key_are_used_by_name(upstreams):
    openai, azure = upstreams
    env = {"OPENAI_BASE_URL": openai.url, "AZURE_OPENAI_ENDPOINT": azure.url}
    secrets = {
        "RETOUCH_VIRTUAL_KEYS": json.dumps({"team": {"provider": "openai", "api_key": "sk-team"}})
    }
    configs = {"configs/pc-mine.json": json.dumps({"virtual_key": "team"}).encode()}
    services = build_services(env, secrets=secrets, configs=configs)
    assert send_edit(upstreams, "pc-mine", services=services).status == 200
    assert send_edit(upstreams, services=services, virtual_key="team").status == 200
    assert [c.headers["authorization"] for c in openai.calls] == ["Bearer sk-team"] * 2
    unknown = send_edit(upstreams, "pc-nobody", services=services)
    assert (unknown.status, unknown.json["error"]["code"]) == (400, "invalid_config")
    assert send_edit(upstreams, services=services, virtual_key="nobody").status == 400


def test_key_for_one_provider_is_not_sent_to_another(upstreams):
    openai, azure = upstreams
    openai.responses = [RATE_LIMITED]
    config = fallback_config({"provider": "openai"}, {"provider": "azure-openai"})
    unnamed = send_edit(upstreams, config, api_key="sk-mine")
    assert (unnamed.status, upstreams[0].received) == (401, [])
    response = send_edit(upstreams, config, provider="openai", api_key="sk-mine")
    assert openai.calls[0].headers["authorization"] == "Bearer sk-mine"
    assert azure.calls == []
    assert response.status == 401


def test_caller_with_own_key_can_choose_deployment(upstreams):
    _, azure = upstreams
    headers = {"azure_deployment_id": "mine", "azure_api_version": "2025-01-01"}
    response = send_edit(upstreams, provider="azure-openai", api_key="az-mine", **headers)
    assert response.status == 200, response.json
    (call,) = azure.calls
    assert call.path == "/openai/deployments/mine/images/edits"
    assert call.query == {"api-version": "2025-01-01"}


def test_address_option_without_own_key_is_rejected(upstreams):
    _, azure = upstreams
    env = {"AZURE_OPENAI_ENDPOINT": azure.url, "AZURE_OPENAI_API_KEY": "az-operator"}
    services = build_services(env)
    response = send_edit(
        upstreams,
        services=services,
        provider="azure-openai",
        azure_resource_name="evil",
        azure_deployment_id="x",
    )
    assert response.status == 400
    assert response.json["error"]["param"] == "x-portkey-azure-resource-name"
    assert azure.received == []


def test_openai_organization_header_is_sent(upstreams):
    send_edit(upstreams, provider="openai", api_key="sk-mine", openai_organization="org-1")
    assert upstreams[0].calls[0].headers["openai-organization"] == "org-1"


def test_at_sign_names_a_virtual_key(upstreams):
    env = {"OPENAI_BASE_URL": upstreams[0].url}
    text = json.dumps({"team": {"provider": "openai", "api_key": "sk-team"}})
    services = build_services(env, secrets={"RETOUCH_VIRTUAL_KEYS": text})
    assert send_edit(upstreams, {"provider": "@team"}, services=services).status == 200
    assert upstreams[0].calls[0].headers["authorization"] == "Bearer sk-team"
    assert send_edit(upstreams, {"provider": "@nobody"}, services=services).status == 400
    assert send_edit(upstreams, services=services, provider="@team").status == 200
    assert (
        send_edit(upstreams, None, {"model": "@team/gpt-image-2"}, services=services).status == 200
    )
    sent = [call.headers["authorization"] for call in upstreams[0].calls]
    assert sent == ["Bearer sk-team"] * 3
    unknown = send_edit(upstreams, services=services, provider="@nobody")
    assert (unknown.status, unknown.json["error"]["code"]) == (400, "unsupported_provider")


def test_rejected_virtual_key_returns_500_provider_credentials(upstreams):
    upstreams[0].responses = [
        json_response({"error": {"code": "invalid_api_key", "message": "sk-team?"}}, 401)
    ]
    text = json.dumps({"team": {"provider": "openai", "api_key": "sk-team"}})
    services = build_services(
        {"OPENAI_BASE_URL": upstreams[0].url}, secrets={"RETOUCH_VIRTUAL_KEYS": text}
    )
    response = send_edit(upstreams, services=services, virtual_key="team")
    assert (response.status, response.json["error"]["code"]) == (500, "provider_credentials")


@pytest.mark.parametrize("option", ["azure_resource_name", "azure_deployment_id"])
def test_address_option_with_saved_config_key_is_rejected(upstreams, option):
    saved = {"configs/pc-team.json": json.dumps(B).encode()}
    services = build_services({"AZURE_OPENAI_ENDPOINT": upstreams[1].url}, configs=saved)
    param = f"x-portkey-{option.replace('_', '-')}"
    send_rejected_edit(upstreams, param, "pc-team", services=services, **{option: "attacker"})


def test_request_key_is_never_sent_to_two_providers(upstreams):
    models = ("azure-openai/gpt-image-2", "openai/gpt-image-2")
    config = fallback_config(*({"override_params": {"model": model}} for model in models))
    response = send_edit(upstreams, config, api_key="sk-openai")
    assert (response.status, upstreams[0].received, upstreams[1].received) == (401, [], [])
    upstreams[1].responses = [RATE_LIMITED]
    services = services_with_virtual_keys(upstreams, AZURE_OPENAI_API_KEY="az-op")
    assert (
        send_edit(
            upstreams, config, services=services, provider="openai", api_key="sk-openai"
        ).status
        == 200
    )
    assert upstreams[1].calls[0].headers["api-key"] == "az-op"
    assert upstreams[0].calls[0].headers["authorization"] == "Bearer sk-openai"


def test_virtual_key_of_other_provider_is_rejected(upstreams):
    config = {"provider": "azure-openai", "virtual_key": "TeamA"}
    response = send_edit(upstreams, config, services=services_with_virtual_keys(upstreams))
    assert (response.status, response.headers["x-retouch-billed"]) == (400, "no")
    assert "Two providers or keys are named" in response.json["error"]["message"]
    assert upstreams[0].received == upstreams[1].received == []


def test_azure_access_token_of_caller_is_used(upstreams):
    token = "eyJ0eXAi.caller"
    headers = {"azure_ad_token": token, "azure_deployment_id": "mine"}
    services = services_with_virtual_keys(upstreams, AZURE_OPENAI_API_KEY="az-op")
    response = send_edit(upstreams, services=services, provider="azure-openai", **headers)
    assert response.status == 200, response.json
    (call,) = upstreams[1].calls
    assert call.path == "/openai/deployments/mine/images/edits"
    assert call.headers["authorization"] == f"Bearer {token}"
    assert "api-key" not in call.headers


def test_openai_option_headers_are_sent(upstreams):
    options = {"openai_organization": "org", "openai_project": "proj", "openai_beta": "b=v2"}
    send_edit(upstreams, provider="openai", api_key="sk-mine", **options)
    sent = upstreams[0].calls[0].headers
    assert (sent["openai-organization"], sent["openai-project"]) == ("org", "proj")
    assert sent["openai-beta"] == "b=v2"


def test_stability_client_headers_are_sent(upstreams):
    services = build_services({"STABILITY_BASE_URL": upstreams[0].url})
    upstreams[0].responses = [json_response({"image": b64(photo()), "finish_reason": "SUCCESS"})]
    client_options = {"id": "app", "user_id": "u", "version": "9"}
    headers = {
        f"x-portkey-stability-client-{n.replace('_', '-')}": v for n, v in client_options.items()
    }
    headers |= {"x-portkey-provider": "stability-ai", "x-portkey-api-key": "sk-mine"}
    fields = {"prompt": "p", "image": file_part(photo()), "model": "search-and-replace"}
    fields["search_prompt"] = "s"
    response = post_edit(fields, headers=headers, services=services)
    assert response.status == 200, response.json
    sent = upstreams[0].calls[0].headers
    assert [sent[f"stability-client-{name.replace('_', '-')}"] for name in client_options] == [
        "app",
        "u",
        "9",
    ]
    twice = post_edit({**fields, "user": "u"}, headers=headers, services=services)
    assert (twice.status, twice.json["error"]["param"]) == (400, "user")
    assert len(upstreams[0].calls) == 1


def test_aws_role_option_is_rejected_with_remedy(upstreams):
    services = build_services({"BEDROCK_BASE_URL": upstreams[0].url, "BEDROCK_API_KEY": "op"})
    fields = {"model": "erase", "prompt": "", "mask": file_part(box_mask())}
    role = {"aws_role_arn": "arn:aws:iam::123456789012:role/mine", "aws_external_id": "x"}
    message = send_rejected_edit(
        upstreams, "x-portkey-aws-role-arn", None, fields, services, provider="bedrock", **role
    )
    assert "a Bedrock API key of your own" in message


def test_placeholder_key_in_config_is_ignored(upstreams):
    response = send_edit(upstreams, {"provider": "openai", "api_key": "undefined"})
    assert (response.status, upstreams[0].received) == (401, [])


@pytest.mark.parametrize(
    "arguments",
    [
        {"virtual_key": "TeamA"},
        {"provider": "@TeamA"},
        {"provider": "stability-ai"},
        {"provider": "openai", "api_key": "sk-mine"},
    ],
)
def test_virtual_key_in_model_conflicts_with_other_credentials(upstreams, arguments):
    response = send_edit(
        upstreams,
        None,
        {"model": "@ob/gpt-image-2"},
        services_with_virtual_keys(upstreams),
        **arguments,
    )
    assert (response.status, response.headers["x-retouch-billed"]) == (400, "no")
    assert "Two providers or keys are named" in response.json["error"]["message"]
    assert upstreams[0].received == []


def test_operator_organization_is_not_sent_with_other_key(upstreams):
    env = {
        "OPENAI_BASE_URL": upstreams[0].url,
        "OPENAI_ORGANIZATION": "org-op",
        "OPENAI_PROJECT": "p",
    }
    services = build_services({**env, "OPENAI_API_KEY": "sk-op"})
    assert send_edit(upstreams, services=services).status == 200
    assert (
        send_edit(upstreams, services=services, provider="openai", api_key="sk-mine").status == 200
    )
    operator_headers, caller_headers = (call.headers for call in upstreams[0].calls)
    assert (operator_headers["openai-organization"], operator_headers["openai-project"]) == (
        "org-op",
        "p",
    )
    assert caller_headers.keys().isdisjoint({"openai-organization", "openai-project"})


def test_saved_config_key_without_provider_is_rejected(upstreams):
    configs = {"configs/pc-loose.json": json.dumps({"api_key": "sk-op"}).encode()}
    services = build_services({"OPENAI_BASE_URL": upstreams[0].url}, configs=configs)
    response = send_edit(upstreams, "pc-loose", services=services, provider="openai")
    assert (response.status, response.json["error"]["code"]) == (400, "invalid_config")
    assert "must name its provider" in response.json["error"]["message"]
    assert upstreams[0].received == []
