"""Tests of names that mean a provider, a virtual key, or either of them."""

import pytest

from retouch.core.errors import GatewayMisconfigured, InvalidRequest
from retouch.gateway.routing.virtual_keys import (
    ProviderNames,
    ProviderRef,
    VirtualKey,
    parse_virtual_keys,
)
from retouch.providers import PROVIDERS

TEAM_KEY = VirtualKey("openai", "sk-a", {}, "TeamA")
LOWER_CASE_KEY = VirtualKey("openai", "sk-b", {}, "teama")
KEY_NAMED_LIKE_PROVIDER = VirtualKey("azure-openai", "sk-c", {}, "OpenAI")


def provider_names(*keys):
    providers = {provider.name: provider for provider in PROVIDERS}
    return ProviderNames(providers, lambda: {key.name: key for key in keys})


@pytest.mark.parametrize("text", ["openai", "OpenAI", "@openai", "@OpenAI"])
def test_provider_name_is_case_insensitive(text):
    assert provider_names(TEAM_KEY).resolve_provider(text) == ProviderRef("openai")


@pytest.mark.parametrize("text", ["TeamA", "@TeamA", "@teama"])
def test_virtual_key_is_found_in_any_case(text):
    assert provider_names(TEAM_KEY).resolve_provider(text) == ProviderRef("openai", TEAM_KEY)


def test_exact_virtual_key_name_wins_when_two_differ_in_case():
    ambiguous_names = provider_names(TEAM_KEY, LOWER_CASE_KEY)
    assert ambiguous_names.require_virtual_key("TeamA") == TEAM_KEY
    assert ambiguous_names.require_virtual_key("teama") == LOWER_CASE_KEY
    with pytest.raises(InvalidRequest, match="'TEAMA' matches several") as exc_info:
        ambiguous_names.require_virtual_key("TEAMA")
    assert "TeamA" not in str(exc_info.value)


def test_name_of_both_provider_and_virtual_key_is_rejected_as_ambiguous():
    ambiguous_names = provider_names(KEY_NAMED_LIKE_PROVIDER)
    assert ambiguous_names.resolve_provider("openai") == ProviderRef("openai")
    assert ambiguous_names.require_virtual_key("openai") == KEY_NAMED_LIKE_PROVIDER
    for ambiguous in (
        lambda: ambiguous_names.resolve_provider("@openai"),
        lambda: ambiguous_names.split_model("@openai/gpt-image-2"),
    ):
        with pytest.raises(InvalidRequest, match="names a provider and a virtual key"):
            ambiguous()


def test_model_prefix_is_resolved_to_provider_or_virtual_key():
    resolver = provider_names(TEAM_KEY)
    assert resolver.split_model("@TeamA/gpt-image-2") == ("gpt-image-2", TEAM_KEY)
    assert resolver.split_model("@openai/gpt-image-2") == ("openai/gpt-image-2", None)
    for plain in (None, "gpt-image-2", "TeamA/m", "@TeamA", "@/m"):
        assert resolver.split_model(plain) == (plain, None)
    assert resolver.provider_prefix("openai/m") == "openai"
    assert (resolver.provider_prefix("openai"), resolver.provider_prefix("TeamA/m")) == (None, None)


def test_unknown_virtual_key_is_rejected():
    assert (
        provider_names().resolve_provider(None)
        == provider_names().resolve_provider("")
        == provider_names().resolve_provider("@")
        == ProviderRef()
    )
    assert provider_names().resolve_provider("@nobody") == ProviderRef("nobody")
    for unknown in (
        lambda: provider_names().require_virtual_key("x"),
        lambda: provider_names().split_model("@x/m"),
    ):
        with pytest.raises(InvalidRequest, match="There is no virtual key 'x'") as exc_info:
            unknown()
        assert exc_info.value.code == "unknown_virtual_key"


def test_invalid_virtual_keys_fail_only_their_lookup():
    broken_names = ProviderNames({p.name: p for p in PROVIDERS}, lambda: parse_virtual_keys("{"))
    assert broken_names.resolve_provider("openai") == ProviderRef("openai")
    assert broken_names.split_model("openai/m") == ("openai/m", None)
    with pytest.raises(GatewayMisconfigured):
        broken_names.resolve_provider("team")
