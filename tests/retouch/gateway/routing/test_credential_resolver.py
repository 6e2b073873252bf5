"""Tests of the provider and the credential of each target. A named credential that does not apply is rejected."""

from datetime import date
from functools import cache

import pytest

from retouch.core.credentials.client_credentials import ClientCredentials
from retouch.core.errors import (
    GatewayMisconfigured,
    InvalidRequest,
    ModelNotFound,
    ModelRetired,
    Unauthorized,
)
from retouch.core.portkey_types import PortkeyHeaders
from retouch.core.settings import Settings
from retouch.gateway.routing.credential_resolver import CredentialResolver, ServingProvider
from retouch.gateway.routing.tree import Target, iter_targets
from retouch.gateway.routing.virtual_keys import ProviderNames, VirtualKey
from retouch.planning.model_resolution import apply_retirement, default_model_id, find_model
from retouch.providers import PROVIDERS
from tests.retouch.gateway.routing.routed_run import parse

TEAM_KEY = VirtualKey("openai", "sk-team", {"openai-project": "p"}, "team")
AZURE_KEY = VirtualKey("azure-openai", "az-team", {}, "az")
KEYS = {"team": TEAM_KEY, "az": AZURE_KEY}
EMPTY_TARGET = Target("config")
OPENAI_CREDENTIALS = ClientCredentials("openai", "sk-mine")
TOKEN = "eyJ0eXAi.token"


def resolve_credentials(
    config=None, model="gpt-image-2", caller=None, keys=KEYS, settings=None, **portkey_fields
):
    """Return [(provider, key, options, is_virtual_key), ...] of all targets."""
    settings = settings or Settings()

    def build_serving_provider(model, slug):
        credentials = ClientCredentials(slug)
        provider, capabilities = find_model(
            model or default_model_id(credentials, PROVIDERS, settings), credentials, PROVIDERS
        )
        resolved = apply_retirement(provider, capabilities, PROVIDERS, settings, date(2026, 11, 22))
        return ServingProvider(provider, resolved.provider)

    tree = config if isinstance(config, Target) else parse(config) if config else EMPTY_TARGET
    names = ProviderNames({provider.name: provider for provider in PROVIDERS}, lambda: keys)
    resolver = CredentialResolver(
        caller or ClientCredentials(),
        PortkeyHeaders(**portkey_fields),
        model,
        names,
        cache(build_serving_provider),
    )
    return [
        (
            resolved_target.serving_provider.serving.name,
            resolved_target.client_credentials.key,
            resolved_target.client_credentials.options,
            resolved_target.client_credentials.is_virtual_key,
        )
        for resolved_target in resolver.resolve(iter_targets(tree))
    ]


def providers_and_keys(*args, **kwargs):
    return [entry[:2] for entry in resolve_credentials(*args, **kwargs)]


def rejection_message(*args, error=InvalidRequest, **kwargs):
    with pytest.raises(error) as exc_info:
        resolve_credentials(*args, **kwargs)
    return str(exc_info.value)


def fallback(*targets):
    return {"strategy": {"mode": "fallback"}, "targets": list(targets)}


OPENAI, AZURE = {"provider": "openai"}, {"provider": "azure-openai"}
TEAM_KEY_RESULT = [("openai", "sk-team", {"openai-project": "p"}, True)]


def test_target_key_wins_over_virtual_key_and_request_key():
    target_with_key = {**OPENAI, "api_key": "sk-own"}
    assert providers_and_keys(target_with_key, caller=OPENAI_CREDENTIALS) == [("openai", "sk-own")]
    assert providers_and_keys(
        target_with_key, caller=ClientCredentials(None, "sk-mine"), virtual_key="team"
    ) == [("openai", "sk-own")]
    assert providers_and_keys({"virtual_key": "az"}, caller=OPENAI_CREDENTIALS) == [
        ("azure-openai", "az-team")
    ]
    assert providers_and_keys(
        OPENAI, caller=ClientCredentials(None, "sk-mine"), virtual_key="team"
    ) == [("openai", "sk-team")]
    assert providers_and_keys(OPENAI, caller=OPENAI_CREDENTIALS) == [("openai", "sk-mine")]
    assert providers_and_keys(OPENAI) == [("openai", None)]


@pytest.mark.parametrize(
    "arguments",
    [
        {"virtual_key": "team"},
        {"caller": ClientCredentials("team")},
        {"caller": ClientCredentials("@team")},
        {"model": "@team/gpt-image-2"},
        {"config": {"virtual_key": "team"}},
        {"config": {"provider": "@team"}},
        {"config": {"virtual_key": "team"}, "model": "@team/gpt-image-2"},
        {"config": {"override_params": {"model": "@team/gpt-image-2"}}},
        {"config": OPENAI, "virtual_key": "team"},
        {"config": OPENAI, "model": "@team/gpt-image-2"},
        {"virtual_key": "team", "caller": ClientCredentials("openai")},
    ],
)
def test_virtual_key_can_be_named_in_every_place(arguments):
    assert resolve_credentials(**arguments) == TEAM_KEY_RESULT


def test_virtual_key_is_not_used_for_other_provider():
    tree = fallback(OPENAI, AZURE)
    assert providers_and_keys(tree, virtual_key="team") == [
        ("openai", "sk-team"),
        ("azure-openai", None),
    ]
    assert "virtual key 'team' is for 'openai'" in rejection_message(AZURE, virtual_key="team")


def test_request_key_goes_only_to_its_provider():
    tree = fallback(OPENAI, AZURE)
    assert providers_and_keys(tree, caller=OPENAI_CREDENTIALS) == [
        ("openai", "sk-mine"),
        ("azure-openai", None),
    ]
    assert providers_and_keys(OPENAI, caller=ClientCredentials(None, "sk-mine")) == [
        ("openai", "sk-mine")
    ]
    assert providers_and_keys(caller=ClientCredentials(None, "sk-mine")) == [("openai", "sk-mine")]
    assert "may be for any" in rejection_message(
        tree, caller=ClientCredentials(None, "sk-mine"), error=Unauthorized
    )
    assert "own key is for 'openai'" in rejection_message(AZURE, caller=OPENAI_CREDENTIALS)


def test_provider_named_by_model_counts_as_target_provider():
    models = ({"override_params": {"model": m}} for m in ("stability-ai/erase", "openai/dall-e-2"))
    tree = fallback(*models)
    assert rejection_message(tree, caller=ClientCredentials(None, "sk-mine"), error=Unauthorized)
    assert providers_and_keys(tree, caller=OPENAI_CREDENTIALS) == [
        ("stability-ai", None),
        ("openai", "sk-mine"),
    ]


def test_free_target_gets_no_key():
    tree = fallback({"provider": "local", "override_params": {"model": "erase"}}, OPENAI)
    assert providers_and_keys(tree, caller=ClientCredentials(None, "sk-mine")) == [
        ("local", None),
        ("openai", "sk-mine"),
    ]


def test_key_is_not_sent_to_successor_of_other_provider():
    moved = Settings(successors={"openai/dall-e-2": "azure-openai/gpt-image-2"})
    assert providers_and_keys(model="dall-e-2", settings=moved) == [("azure-openai", None)]
    message = rejection_message(model="dall-e-2", settings=moved, caller=OPENAI_CREDENTIALS)
    assert "Azure OpenAI serves it, but the request's own key is not for that provider" in message


@pytest.mark.parametrize(
    "arguments",
    [
        {"config": {**OPENAI, "api_key": "k"}, "model": "@team/m"},
        {"config": AZURE, "model": "@team/m"},
        {"config": {"virtual_key": "az"}, "model": "@team/m"},
        {"config": {"provider": "azure-openai", "virtual_key": "team"}},
        {"config": {"provider": "@team", "api_key": "k"}},
        {"virtual_key": "az", "model": "@team/m"},
        {"virtual_key": "team", "caller": ClientCredentials("@az")},
        {"virtual_key": "team", "caller": ClientCredentials("stability-ai")},
        {"model": "@team/m", "caller": ClientCredentials("stability-ai")},
        {"model": "@team/m", "caller": OPENAI_CREDENTIALS},
        {"virtual_key": "team", "caller": OPENAI_CREDENTIALS},
    ],
)
def test_two_conflicting_credentials_are_rejected(arguments):
    assert "Two providers or keys are named" in rejection_message(**arguments)


@pytest.mark.parametrize("model", ["@team", "@/m"])
def test_malformed_at_model_is_rejected(model):
    assert "Invalid value" in rejection_message(model=model)


def test_request_key_without_provider_yields_to_virtual_key():
    assert (
        resolve_credentials(
            model="@team/gpt-image-2", caller=ClientCredentials(None, "sk-placeholder")
        )
        == TEAM_KEY_RESULT
    )
    assert (
        resolve_credentials(virtual_key="team", caller=ClientCredentials(None, "sk-placeholder"))
        == TEAM_KEY_RESULT
    )


ORGANIZATION = {"openai-organization": "org"}


def test_options_are_used_with_request_key():
    assert resolve_credentials(caller=OPENAI_CREDENTIALS, options=ORGANIZATION) == [
        ("openai", "sk-mine", ORGANIZATION, False)
    ]
    config = {**OPENAI, "openai_organization": "org", "openai_project": "proj"}
    assert resolve_credentials(config, caller=OPENAI_CREDENTIALS)[0][2] == {
        **ORGANIZATION,
        "openai-project": "proj",
    }
    assert resolve_credentials({**config, "api_key": "k"})[0][2] == {
        **ORGANIZATION,
        "openai-project": "proj",
    }


@pytest.mark.parametrize(
    ("arguments", "message_part"),
    [
        ({}, "the gateway's operator pays OpenAI. Send a key of your own"),
        (
            {"config": {**OPENAI, "api_key": "k"}},
            "the target's own key pays OpenAI. Write it next to",
        ),
        ({"config": {"virtual_key": "team"}}, "the virtual key 'team' pays OpenAI. The options of"),
        ({"virtual_key": "team"}, "the virtual key 'team' pays OpenAI"),
    ],
)
def test_header_option_with_other_key_is_rejected(arguments, message_part):
    message = rejection_message(**arguments, options=ORGANIZATION)
    assert "x-portkey-openai-organization applies only to the key it came with" in message
    assert message_part in message


@pytest.mark.parametrize("credential", [{}, {"virtual_key": "team"}])
def test_target_option_with_other_key_is_rejected(credential):
    message = rejection_message({**OPENAI, **credential, "openai_organization": "org"})
    assert "config.openai_organization applies only to the key it came with" in message


def test_option_applies_only_to_targets_of_its_provider():
    tree = fallback({**OPENAI, "api_key": "k"}, AZURE)
    azure = {"azure-deployment-id": "d"}
    resolved = resolve_credentials(
        tree, caller=ClientCredentials("azure-openai", "az-mine"), options=azure
    )
    assert [options for _, _, options, _ in resolved] == [{}, azure]
    assert "x-portkey-azure-deployment-id applies to none" in rejection_message(
        caller=OPENAI_CREDENTIALS, options=azure
    )
    message = rejection_message({**OPENAI, "api_key": "k", "azure_deployment_id": "d"})
    assert "config.azure_deployment_id is not an option of OpenAI" in message


def test_header_and_target_option_must_agree():
    config = {**OPENAI, "openai_organization": "org"}
    assert (
        resolve_credentials(config, caller=OPENAI_CREDENTIALS, options=ORGANIZATION)[0][2]
        == ORGANIZATION
    )
    message = rejection_message(
        config, caller=OPENAI_CREDENTIALS, options={"openai-organization": "other"}
    )
    assert "config.openai_organization is not what x-portkey-openai-organization says" in message


@pytest.mark.parametrize(
    ("slug", "name", "remedy"),
    [
        ("azure-openai", "azure-entra-client-secret", "send that as azure-ad-token"),
        ("azure-openai", "azure-extra-params", "Leave it out"),
        ("vertex-ai", "vertex-service-account-json", "Fetch an access token"),
        ("bedrock", "aws-role-arn", "a Bedrock API key of your own"),
        ("bedrock", "amz-server-side-encryption", "Leave it out"),
        ("fireworks-ai", "fireworks-account-id", "Leave it out"),
    ],
)
@pytest.mark.parametrize("key", ["mine", None])
def test_unsupported_provider_option_is_rejected_with_remedy(slug, name, remedy, key):
    message = rejection_message(
        model=None, caller=ClientCredentials(slug, key), options={name: "SECRET"}
    )
    assert f"x-portkey-{name} is" in message
    assert remedy in message
    assert "SECRET" not in message


def test_access_token_option_is_used_as_key():
    options = {"azure-ad-token": TOKEN, "azure-deployment-id": "d"}
    resolved = resolve_credentials(AZURE, options=options)
    assert resolved == [("azure-openai", TOKEN, {"azure-deployment-id": "d"}, False)]
    config = {**AZURE, "azure_ad_token": TOKEN, "azure_resource_name": "r"}
    assert resolve_credentials(config) == [
        ("azure-openai", TOKEN, {"azure-resource-name": "r"}, False)
    ]
    conflict = rejection_message(
        AZURE, options=options, caller=ClientCredentials("azure-openai", "az-mine")
    )
    assert "'azure-ad-token' is a key for Azure OpenAI, and there is another key" in conflict
    invalid = rejection_message(AZURE, options={"azure-ad-token": "MY-OWN"})
    assert "is not an access token for Azure OpenAI: a token begins with eyJ" in invalid
    assert "MY-OWN" not in invalid


def test_virtual_key_with_option_of_other_provider_raises_misconfigured():
    odd = {"odd": VirtualKey("openai", "sk-odd", {"azure-api-version": "v1"}, "odd")}
    with pytest.raises(
        GatewayMisconfigured, match="virtual key 'odd' has the option 'azure-api-version'"
    ):
        resolve_credentials(virtual_key="odd", keys=odd)


def test_unknown_or_retired_target_model_is_rejected():
    assert rejection_message({**OPENAI, "override_params": {"model": "nope"}}, error=ModelNotFound)
    strict = Settings(reject_retired_models=True)
    target_with_model = {**OPENAI, "override_params": {"model": "dall-e-2"}}
    assert rejection_message(target_with_model, settings=strict, error=ModelRetired)


def test_request_model_may_be_missing_at_one_target():
    tree = fallback(OPENAI, {"provider": "stability-ai"})
    assert providers_and_keys(tree) == [("openai", None), ("stability-ai", None)]
    assert rejection_message(model="nope", error=ModelNotFound)
