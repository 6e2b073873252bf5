"""What names mean: providers, virtual keys, and what may be either."""

import pytest

from retouch.errors import InvalidRequest, Misconfigured
from retouch.providers import PROVIDERS
from retouch.routing.names import Named, Names
from retouch.routing.saved import VirtualKey, virtual_keys

TEAM = VirtualKey("openai", "sk-a", {}, "TeamA")
OTHER = VirtualKey("openai", "sk-b", {}, "teama")
CLASH = VirtualKey("azure-openai", "sk-c", {}, "OpenAI")


def names(*keys):
    providers = {provider.name: provider for provider in PROVIDERS}
    return Names(providers, lambda: {key.name: key for key in keys})


@pytest.mark.parametrize("text", ["openai", "OpenAI", "@openai", "@OpenAI"])
def test_a_provider_is_named_in_any_case(text):
    assert names(TEAM).provider(text) == Named("openai")


@pytest.mark.parametrize("text", ["TeamA", "@TeamA", "@teama"])
def test_a_virtual_key_keeps_its_case_and_is_found_in_any(text):
    assert names(TEAM).provider(text) == Named("openai", TEAM)


def test_the_exact_name_is_meant_where_two_differ_in_case():
    both = names(TEAM, OTHER)
    assert both.virtual_key("TeamA") == TEAM
    assert both.virtual_key("teama") == OTHER
    with pytest.raises(InvalidRequest, match="'TEAMA' may mean several") as refused:
        both.virtual_key("TEAMA")
    assert "TeamA" not in str(refused.value)


def test_a_name_that_is_both_is_refused_unless_it_says_which():
    both = names(CLASH)
    assert both.provider("openai") == Named("openai")
    assert both.virtual_key("openai") == CLASH
    for ambiguous in (lambda: both.provider("@openai"), lambda: both.model("@openai/gpt-image-2")):
        with pytest.raises(InvalidRequest, match="names a provider and a virtual key"):
            ambiguous()


def test_models():
    known = names(TEAM)
    assert known.model("@TeamA/gpt-image-2") == ("gpt-image-2", TEAM)
    assert known.model("@openai/gpt-image-2") == ("openai/gpt-image-2", None)
    for plain in (None, "gpt-image-2", "TeamA/m", "@TeamA", "@/m"):
        assert known.model(plain) == (plain, None)
    assert known.prefix("openai/m") == "openai"
    assert (known.prefix("openai"), known.prefix("TeamA/m")) == (None, None)


def test_nobodys_name():
    assert names().provider(None) == names().provider("") == names().provider("@") == Named()
    assert names().provider("@nobody") == Named("nobody")
    for unknown in (lambda: names().virtual_key("x"), lambda: names().model("@x/m")):
        with pytest.raises(InvalidRequest, match="There is no virtual key 'x'") as refused:
            unknown()
        assert refused.value.code == "unknown_virtual_key"


def test_broken_virtual_keys_trouble_only_those_who_need_them():
    broken = Names({p.name: p for p in PROVIDERS}, lambda: virtual_keys("{"))
    assert broken.provider("openai") == Named("openai")
    assert broken.model("openai/m") == ("openai/m", None)
    with pytest.raises(Misconfigured):
        broken.provider("team")
