"""Tests of which model a request means and which provider serves it."""

import re
from dataclasses import replace
from datetime import date

import pytest

from retouch.core.credentials.client_credentials import ClientCredentials
from retouch.core.errors import InvalidRequest, ModelNotFound
from retouch.core.settings import InvalidSetting, Settings
from retouch.planning.connection import resolve_connection
from retouch.planning.model_resolution import reject_unknown_models, resolve_model
from retouch.providers import PROVIDERS

ENV = {
    "OPENAI_API_KEY": "sk",
    "AZURE_OPENAI_API_KEY": "az",
    "AZURE_OPENAI_ENDPOINT": "https://a.example",
}
TODAY = date(2026, 11, 22)


def resolved_model(model=None, provider=None, today=TODAY, **env):
    settings = Settings.from_env({**ENV, **env})
    credentials = ClientCredentials(provider)
    return resolve_connection(
        resolve_model(model, credentials, PROVIDERS, settings, today), credentials, settings
    )


@pytest.mark.parametrize(
    ("model", "provider", "full"),
    [
        ("openai/gpt-image-2", None, "openai/gpt-image-2"),
        ("gpt-image-2", None, "openai/gpt-image-2"),
        ("gpt-image-2", "azure-openai", "azure-openai/gpt-image-2"),
        ("azure-openai/gpt-image-2", "azure-openai", "azure-openai/gpt-image-2"),
        ("erase", None, "local/erase"),
        (None, None, "local/erase"),
        (None, "local", "local/erase"),
        (None, "openai", "openai/gpt-image-2"),
        ("my-deployment", "azure-openai", "azure-openai/my-deployment"),
    ],
)
def test_model_name_resolves_to_provider_and_model(model, provider, full):
    assert resolved_model(model, provider).model_id == full


def test_default_model_setting_applies_only_without_model_and_provider():
    env = {"RETOUCH_DEFAULT_MODEL": "openai/gpt-image-2.5-flare"}
    assert resolved_model(**env).model_id == "openai/gpt-image-2.5-flare"
    assert resolved_model(None, "local", **env).model_id == "local/erase"


@pytest.mark.parametrize(
    ("model", "provider", "error"),
    [
        ("nobody/nothing", None, ModelNotFound),
        ("gpt-image-99", None, ModelNotFound),
        ("openai/", None, InvalidRequest),
        ("a b", None, InvalidRequest),
        ("../x", None, InvalidRequest),
        ("openai/gpt-image-2", "azure-openai", InvalidRequest),
        (None, "nobody", InvalidRequest),
    ],
)
def test_unknown_or_invalid_model_is_rejected(model, provider, error):
    with pytest.raises(error):
        resolved_model(model, provider)


@pytest.mark.parametrize(
    ("today", "serving"),
    [
        (date(2026, 11, 30), "openai/gpt-image-1.5"),
        (date(2026, 12, 1), "openai/gpt-image-2.6-sunburst"),
    ],
)
def test_retired_model_is_replaced_from_its_end_date(today, serving):
    resolved = resolved_model("gpt-image-1.5", today=today)
    assert resolved.model_id == serving
    assert resolved.requested.id == "gpt-image-1.5"
    assert resolved.response_headers["Sunset"] == "Tue, 01 Dec 2026 00:00:00 GMT"


def test_note_of_a_successor_has_both_models_and_both_prices():
    (note,) = resolved_model("gpt-image-1.5", today=date(2026, 12, 1)).notes
    assert note == (
        "model: gpt-image-1.5 ended on 2026-12-01, served by openai/gpt-image-2.6-sunburst "
        "(about $0.053 an image instead of $0.034)"
    )


@pytest.mark.parametrize(
    ("model", "today", "serving"),
    [
        ("gpt-image-1", date(2026, 11, 30), "openai/gpt-image-2.5-sunburst"),
        ("gpt-image-1-mini", date(2026, 11, 30), "openai/gpt-image-1-mini"),
        ("gpt-image-1-mini", date(2026, 12, 1), "openai/gpt-image-2.6-flare"),
        ("chatgpt-image-latest", date(2026, 12, 1), "openai/gpt-image-2.6-sunburst"),
        ("azure-openai/gpt-image-1.5", date(2026, 12, 10), "azure-openai/gpt-image-1.5"),
        ("azure-openai/gpt-image-1.5", date(2026, 12, 16), "azure-openai/gpt-image-2"),
        ("google/gemini-3.1-flash-image", date(2030, 1, 1), "google/gemini-3.1-flash-image"),
        ("reka-ai/reka-core", date(2030, 1, 1), "reka-ai/reka-core"),
    ],
)
def test_model_is_served_by_itself_until_a_date_that_its_provider_announced(model, today, serving):
    assert resolved_model(model, today=today).model_id == serving


def test_deprecated_model_without_a_date_has_no_sunset():
    resolved = resolved_model("google/gemini-3.1-flash-image")
    assert resolved.response_headers == {"Deprecation": "@1791244800"}  # 2026-10-06
    assert resolved.notes == ()


@pytest.mark.parametrize(
    ("credential", "address"),
    [
        ({}, "https://a.example"),
        ({"key": "mine"}, "https://mine.openai.azure.com"),
        ({"key": "", "is_virtual_key": True}, "https://mine.openai.azure.com"),
    ],
)
def test_address_option_applies_only_with_own_credential(credential, address):
    credentials = ClientCredentials(
        "azure-openai", options={"azure-resource-name": "mine"}, **credential
    )
    settings = Settings.from_env(ENV)
    resolved = resolve_connection(
        resolve_model(None, credentials, PROVIDERS, settings, TODAY), credentials, settings
    )
    assert resolved.options["base_url"] == address


def test_resolved_model_repr_hides_key():
    env = {"OPENAI_API_KEY": "sk-canary-repr"}
    resolved = resolved_model("gpt-image-2", **env)
    assert resolved.key == "sk-canary-repr"
    assert "canary" not in repr(resolved)
    assert "canary" not in repr(Settings.from_env(env))


def circuit_name(provider, caller, **env):
    """Return the circuit name for a request of this caller."""
    settings = Settings.from_env({**ENV, **env})
    resolved = resolve_model(None, ClientCredentials(provider), PROVIDERS, settings, TODAY)
    return resolve_connection(resolved, replace(caller, provider=provider), settings).circuit


CALLER_OPTIONS = {"azure-resource-name": "theirs"}
VIRTUAL_KEY_CREDENTIALS = ClientCredentials(key="k", options=CALLER_OPTIONS, is_virtual_key=True)


def test_circuit_name_is_provider_and_region_at_operator_address():
    assert circuit_name("openai", ClientCredentials()) == "openai"
    assert circuit_name("openai", ClientCredentials(key="mine")) == "openai"
    assert (
        circuit_name("bedrock", ClientCredentials(), BEDROCK_REGION="eu-west-1")
        == "bedrock/eu-west-1"
    )
    assert (
        circuit_name("bedrock", ClientCredentials(key="mine"), BEDROCK_REGION="eu-west-1")
        == "bedrock/eu-west-1"
    )


def test_address_chosen_by_caller_has_no_circuit():
    assert circuit_name("azure-openai", ClientCredentials(key="mine", options=CALLER_OPTIONS)) == ""


def test_virtual_key_address_has_its_own_hashed_circuit_name():
    name = circuit_name("azure-openai", VIRTUAL_KEY_CREDENTIALS)
    assert re.fullmatch("azure-openai/[0-9a-f]{8}", name)
    assert (
        circuit_name(
            "azure-openai", replace(VIRTUAL_KEY_CREDENTIALS, options={"azure-resource-name": "x"})
        )
        != name
    )
    assert (
        circuit_name("azure-openai", replace(VIRTUAL_KEY_CREDENTIALS, options={})) == "azure-openai"
    )


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("RETOUCH_DEFAULT_MODEL", "nope"),
        ("RETOUCH_DEFAULT_MODEL", "no model"),
        ("RETOUCH_DEFAULT_MODEL", "openai/nope"),
        ("RETOUCH_SUCCESSORS", "dall-e-2=nope"),
    ],
)
def test_setting_that_names_no_model_is_refused_by_name(variable, value):
    settings = Settings.from_env({variable: value})
    with pytest.raises(InvalidSetting, match=f"^{variable} names no model of this gateway"):
        reject_unknown_models(PROVIDERS, settings)


@pytest.mark.parametrize("value", ["gpt-image-2", "openai/gpt-image-2", "azure-openai/mine"])
def test_setting_that_names_a_model_is_accepted(value):
    env = {"RETOUCH_DEFAULT_MODEL": value, "RETOUCH_SUCCESSORS": f"dall-e-2={value}"}
    reject_unknown_models(PROVIDERS, Settings.from_env(env))
