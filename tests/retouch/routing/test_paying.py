"""Who pays at a target, and that two who say so are not both believed."""

import pytest

from retouch.errors import InvalidRequest, Misconfigured
from retouch.routing.config import parse
from retouch.routing.paying import Payers
from retouch.routing.saved import VirtualKey, virtual_keys
from retouch.routing.tree import Leaf, leaves
from retouch.wire.caller import Caller
from retouch.wire.portkey import Portkey

TEAM = VirtualKey("openai", "sk-team", {"openai-project": "p"})
NOTHING = Leaf("config")


def at(leaf=NOTHING, model=None, caller=None, asked=None, tree=None, keys=None):
    known = {"team": TEAM} if keys is None else keys
    providers = frozenset({"openai", "azure-openai"})
    payers = Payers(
        caller or Caller(), asked or Portkey(), tree or leaf, providers, lambda: virtual(known)
    )
    return payers.at(leaf, model)


def virtual(known):
    return virtual_keys(known) if isinstance(known, str) else known


def who(answer):
    caller, model = answer
    return caller.provider, caller.key, caller.lent, model


LENT = ("openai", "sk-team", True)


def test_every_way_of_naming_a_virtual_key():
    assert who(at(asked=Portkey(virtual_key="team"), model="m")) == (*LENT, "m")
    assert who(at(caller=Caller("team"), model="m")) == (*LENT, "m")
    assert who(at(model="@team/m")) == (*LENT, "m")
    assert who(at(Leaf("config", virtual_key="team"))) == (*LENT, None)
    assert who(at(Leaf("config", provider="team"))) == (*LENT, None)
    assert who(at(Leaf("config", virtual_key="team"), "@team/m")) == (*LENT, "m")
    assert at(model="@team/m")[0].options == {"openai-project": "p"}


def test_an_at_sign_before_a_provider_means_the_provider():
    caller = Caller(None, "sk-mine")
    assert who(at(model="@openai/m", caller=caller)) == (None, "sk-mine", False, "openai/m")


@pytest.mark.parametrize("model", ["@team", "@/m", "team/m", "m@team/x"])
def test_other_models_are_left_to_the_plan(model):
    assert who(at(model=model)) == (None, None, False, model)


def test_a_lent_key_takes_the_place_of_the_callers():
    caller = Caller("openai", "sk-mine")
    assert who(at(caller=caller, asked=Portkey(virtual_key="team"))) == (*LENT, None)
    assert who(at(caller=caller, model="@team/m")) == (*LENT, "m")


@pytest.mark.parametrize(
    "of",
    [{"asked": Portkey(virtual_key="x")}, {"model": "@x/m"}, {"leaf": Leaf("c", provider="x")}],
)
def test_a_virtual_key_that_is_not_there_is_named(of):
    with pytest.raises(InvalidRequest, match="There is no virtual key 'x'") as refused:
        at(**of)
    assert refused.value.code == "unknown_virtual_key"


def test_an_unknown_provider_in_the_header_is_left_to_the_plan():
    assert who(at(caller=Caller("nobody", "k"))) == ("nobody", "k", False, None)


@pytest.mark.parametrize("own", [{"key": "k"}, {"provider": "openai"}, {"virtual_key": "other"}])
def test_a_model_and_a_target_that_disagree_are_refused(own):
    with pytest.raises(
        InvalidRequest, match=r"'model' names the virtual key 'team', but targets\[0\]"
    ):
        at(Leaf("targets[0]", **own), "@team/m")


def test_broken_virtual_keys_trouble_only_those_who_need_them():
    assert who(at(caller=Caller("openai", "k"), keys="{")) == ("openai", "k", False, None)
    with pytest.raises(Misconfigured):
        at(model="@team/m", keys="{")


def test_the_requests_key_goes_where_it_is_meant_for():
    two = parse({"targets": [{"provider": "openai"}, {"provider": "azure-openai"}]})
    first, second = leaves(two)
    said = Caller("openai", "sk-mine")
    assert at(first, caller=said, tree=two)[0].key == "sk-mine"
    assert at(second, caller=said, tree=two)[0].key is None
    assert at(first, caller=Caller(None, "sk-mine"), tree=two)[0].key is None
    assert at(first, caller=Caller(None, "sk-mine"))[0].key == "sk-mine"
