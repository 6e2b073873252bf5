"""Which model is meant and who serves it."""

import re
from dataclasses import replace
from datetime import date

import pytest

from retouch.errors import InvalidRequest, ModelNotFound
from retouch.plan.connect import connect
from retouch.plan.resolve import resolve
from retouch.providers import PROVIDERS
from retouch.settings import Settings
from retouch.wire.caller import Caller

ENV = {
    "OPENAI_API_KEY": "sk",
    "AZURE_OPENAI_API_KEY": "az",
    "AZURE_OPENAI_ENDPOINT": "https://a.example",
}
TODAY = date(2026, 11, 22)


def target(model=None, provider=None, today=TODAY, **env):
    settings = Settings.from_env({**ENV, **env})
    caller = Caller(provider)
    return connect(resolve(model, caller, PROVIDERS, settings, today), caller, settings)


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
def test_found(model, provider, full):
    assert target(model, provider).model_id == full


def test_the_operators_default_is_for_requests_that_name_nothing():
    env = {"RETOUCH_DEFAULT_MODEL": "openai/gpt-image-2.5-flare"}
    assert target(**env).model_id == "openai/gpt-image-2.5-flare"
    assert target(None, "local", **env).model_id == "local/erase"


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
def test_refused(model, provider, error):
    with pytest.raises(error):
        target(model, provider)


@pytest.mark.parametrize(
    ("today", "serving"),
    [
        (date(2026, 11, 30), "openai/gpt-image-1.5"),
        (date(2026, 12, 1), "openai/gpt-image-2.6-sunburst"),
    ],
)
def test_a_model_serves_until_the_day_it_ends(today, serving):
    found = target("gpt-image-1.5", today=today)
    assert found.model_id == serving
    assert found.asked.id == "gpt-image-1.5"
    assert found.headers["Sunset"] == "Tue, 01 Dec 2026 00:00:00 GMT"


@pytest.mark.parametrize(
    ("payer", "address"),
    [
        ({}, "https://a.example"),
        ({"key": "mine"}, "https://mine.openai.azure.com"),
        ({"key": "", "lent": True}, "https://mine.openai.azure.com"),
    ],
)
def test_only_who_pays_chooses_the_address(payer, address):
    caller = Caller("azure-openai", options={"azure-resource-name": "mine"}, **payer)
    settings = Settings.from_env(ENV)
    found = connect(resolve(None, caller, PROVIDERS, settings, TODAY), caller, settings)
    assert found.options["base_url"] == address


def test_keys_are_in_no_repr():
    env = {"OPENAI_API_KEY": "sk-canary-repr"}
    found = target("gpt-image-2", **env)
    assert found.key == "sk-canary-repr"
    assert "canary" not in repr(found)
    assert "canary" not in repr(Settings.from_env(env))


def circuit(provider, caller, **env):
    """The circuit of what a caller asks for."""
    settings = Settings.from_env({**ENV, **env})
    asked = resolve(None, Caller(provider), PROVIDERS, settings, TODAY)
    usual = connect(asked, Caller(), settings).options["base_url"]
    return connect(asked, replace(caller, provider=provider), settings).circuit(usual)


CHOSEN = {"azure-resource-name": "theirs"}
LENT = Caller(key="k", options=CHOSEN, lent=True)


def test_what_fails_together_is_an_address_of_the_operators():
    assert circuit("openai", Caller()) == "openai"
    assert circuit("openai", Caller(key="mine")) == "openai"
    assert circuit("bedrock", Caller(), BEDROCK_REGION="eu-west-1") == "bedrock/eu-west-1"
    assert circuit("bedrock", Caller(key="mine"), BEDROCK_REGION="eu-west-1") == "bedrock/eu-west-1"


def test_an_address_that_the_caller_chose_has_no_circuit():
    assert circuit("azure-openai", Caller(key="mine", options=CHOSEN)) == ""


def test_a_virtual_keys_own_address_counts_for_itself_and_is_not_named():
    found = circuit("azure-openai", LENT)
    assert re.fullmatch("azure-openai/[0-9a-f]{8}", found)
    assert circuit("azure-openai", replace(LENT, options={"azure-resource-name": "x"})) != found
    assert circuit("azure-openai", replace(LENT, options={})) == "azure-openai"
