"""Who serves and who pays at a target, and that whatever was named and does not apply is refused by name."""

from datetime import date
from functools import cache

import pytest

from retouch.errors import InvalidRequest, Misconfigured, ModelNotFound, ModelRetired, Unauthorized
from retouch.plan.resolve import default_id, find, succeed
from retouch.providers import PROVIDERS
from retouch.routing.names import Names
from retouch.routing.paying import Payers, Served
from retouch.routing.saved import VirtualKey
from retouch.routing.tree import Leaf, leaves
from retouch.settings import Settings
from retouch.wire.caller import Caller
from retouch.wire.portkey import Portkey
from tests.retouch.routing.asked import parse

TEAM = VirtualKey("openai", "sk-team", {"openai-project": "p"}, "team")
AZ = VirtualKey("azure-openai", "az-team", {}, "az")
KEYS = {"team": TEAM, "az": AZ}
NOTHING = Leaf("config")
MINE = Caller("openai", "sk-mine")
TOKEN = "eyJ0eXAi.token"


def settle(config=None, model="gpt-image-2", caller=None, keys=KEYS, settings=None, **asked):
    """[(provider, key, options, lent, model), ...] of all targets."""
    settings = settings or Settings()

    def serving(model, slug):
        asked_at = Caller(slug)
        provider, card = find(
            model or default_id(asked_at, PROVIDERS, settings), asked_at, PROVIDERS
        )
        target = succeed(provider, card, PROVIDERS, settings, date(2026, 11, 22))
        return Served(provider, target.provider)

    tree = config if isinstance(config, Leaf) else parse(config) if config else NOTHING
    names = Names({provider.name: provider for provider in PROVIDERS}, lambda: keys)
    payers = Payers(caller or Caller(), Portkey(**asked), model, names, cache(serving))
    return [
        (paid.served.by.name, paid.caller.key, paid.caller.options, paid.caller.lent)
        for paid in payers.settle(leaves(tree))
    ]


def who(*args, **kwargs):
    return [found[:2] for found in settle(*args, **kwargs)]


def refused(*args, error=InvalidRequest, **kwargs):
    with pytest.raises(error) as found:
        settle(*args, **kwargs)
    return str(found.value)


def fallback(*targets):
    return {"strategy": {"mode": "fallback"}, "targets": list(targets)}


OPENAI, AZURE = {"provider": "openai"}, {"provider": "azure-openai"}
LENT = [("openai", "sk-team", {"openai-project": "p"}, True)]


def test_the_order_of_who_pays():
    own = {**OPENAI, "api_key": "sk-own"}
    assert who(own, caller=MINE) == [("openai", "sk-own")]
    assert who(own, caller=Caller(None, "sk-mine"), virtual_key="team") == [("openai", "sk-own")]
    assert who({"virtual_key": "az"}, caller=MINE) == [("azure-openai", "az-team")]
    assert who(OPENAI, caller=Caller(None, "sk-mine"), virtual_key="team") == [
        ("openai", "sk-team")
    ]
    assert who(OPENAI, caller=MINE) == [("openai", "sk-mine")]
    assert who(OPENAI) == [("openai", None)]


@pytest.mark.parametrize(
    "named",
    [
        {"virtual_key": "team"},
        {"caller": Caller("team")},
        {"caller": Caller("@team")},
        {"model": "@team/gpt-image-2"},
        {"config": {"virtual_key": "team"}},
        {"config": {"provider": "@team"}},
        {"config": {"virtual_key": "team"}, "model": "@team/gpt-image-2"},
        {"config": {"override_params": {"model": "@team/gpt-image-2"}}},
        {"config": OPENAI, "virtual_key": "team"},
        {"config": OPENAI, "model": "@team/gpt-image-2"},
        {"virtual_key": "team", "caller": Caller("openai")},
    ],
)
def test_every_way_of_naming_a_virtual_key(named):
    assert settle(**named) == LENT


def test_what_a_virtual_key_is_not_for_is_not_served_by_it():
    tree = fallback(OPENAI, AZURE)
    assert who(tree, virtual_key="team") == [("openai", "sk-team"), ("azure-openai", None)]
    assert "virtual key 'team' is for 'openai'" in refused(AZURE, virtual_key="team")


def test_a_key_goes_to_the_provider_it_is_meant_for():
    tree = fallback(OPENAI, AZURE)
    assert who(tree, caller=MINE) == [("openai", "sk-mine"), ("azure-openai", None)]
    assert who(OPENAI, caller=Caller(None, "sk-mine")) == [("openai", "sk-mine")]
    assert who(caller=Caller(None, "sk-mine")) == [("openai", "sk-mine")]
    assert "may be meant for any" in refused(
        tree, caller=Caller(None, "sk-mine"), error=Unauthorized
    )
    assert "own key is for 'openai'" in refused(AZURE, caller=MINE)


def test_models_that_name_providers_count_as_targets_that_do():
    models = ({"override_params": {"model": m}} for m in ("stability-ai/erase", "openai/dall-e-2"))
    tree = fallback(*models)
    assert refused(tree, caller=Caller(None, "sk-mine"), error=Unauthorized)
    assert who(tree, caller=MINE) == [("stability-ai", None), ("openai", "sk-mine")]


def test_free_targets_want_no_key():
    tree = fallback({"provider": "local", "override_params": {"model": "erase"}}, OPENAI)
    assert who(tree, caller=Caller(None, "sk-mine")) == [("local", None), ("openai", "sk-mine")]


def test_a_key_does_not_follow_its_model_to_a_strangers_successor():
    moved = Settings(successors={"openai/dall-e-2": "azure-openai/gpt-image-2"})
    assert who(model="dall-e-2", settings=moved) == [("azure-openai", None)]
    told = refused(model="dall-e-2", settings=moved, caller=MINE)
    assert "Azure OpenAI serves it, for which the request's own key is not meant" in told


@pytest.mark.parametrize(
    "named",
    [
        {"config": {**OPENAI, "api_key": "k"}, "model": "@team/m"},
        {"config": AZURE, "model": "@team/m"},
        {"config": {"virtual_key": "az"}, "model": "@team/m"},
        {"config": {"provider": "azure-openai", "virtual_key": "team"}},
        {"config": {"provider": "@team", "api_key": "k"}},
        {"virtual_key": "az", "model": "@team/m"},
        {"virtual_key": "team", "caller": Caller("@az")},
        {"virtual_key": "team", "caller": Caller("stability-ai")},
        {"model": "@team/m", "caller": Caller("stability-ai")},
        {"model": "@team/m", "caller": MINE},
        {"virtual_key": "team", "caller": MINE},
    ],
)
def test_two_who_serve_or_pay_are_not_both_believed(named):
    assert "Two are named who serve or pay" in refused(**named)


@pytest.mark.parametrize("model", ["@team", "@/m"])
def test_other_models_are_left_to_the_plan(model):
    assert "Invalid value" in refused(model=model)


def test_a_key_that_no_provider_was_named_for_gives_way_to_a_virtual_key():
    assert settle(model="@team/gpt-image-2", caller=Caller(None, "sdk-insists")) == LENT
    assert settle(virtual_key="team", caller=Caller(None, "sdk-insists")) == LENT


ORGANIZATION = {"openai-organization": "org"}


def test_options_travel_with_the_requests_own_key():
    assert settle(caller=MINE, options=ORGANIZATION) == [("openai", "sk-mine", ORGANIZATION, False)]
    config = {**OPENAI, "openai_organization": "org", "openai_project": "proj"}
    assert settle(config, caller=MINE)[0][2] == {**ORGANIZATION, "openai-project": "proj"}
    assert settle({**config, "api_key": "k"})[0][2] == {**ORGANIZATION, "openai-project": "proj"}


@pytest.mark.parametrize(
    ("named", "payer"),
    [
        ({}, "the gateway's operator pays OpenAI. Send a key of your own"),
        (
            {"config": {**OPENAI, "api_key": "k"}},
            "the target's own key pays OpenAI. Write it beside",
        ),
        ({"config": {"virtual_key": "team"}}, "the virtual key 'team' pays OpenAI. What goes with"),
        ({"virtual_key": "team"}, "the virtual key 'team' pays OpenAI"),
    ],
)
def test_a_headers_option_goes_with_no_other_key(named, payer):
    told = refused(**named, options=ORGANIZATION)
    assert "x-portkey-openai-organization goes only with the key it came with" in told
    assert payer in told


@pytest.mark.parametrize("payer", [{}, {"virtual_key": "team"}])
def test_a_targets_option_goes_with_no_other_key(payer):
    told = refused({**OPENAI, **payer, "openai_organization": "org"})
    assert "config.openai_organization goes only with the key it came with" in told


def test_an_option_is_about_its_own_providers_targets():
    tree = fallback({**OPENAI, "api_key": "k"}, AZURE)
    azure = {"azure-deployment-id": "d"}
    found = settle(tree, caller=Caller("azure-openai", "az-mine"), options=azure)
    assert [options for _, _, options, _ in found] == [{}, azure]
    assert "x-portkey-azure-deployment-id is about none" in refused(caller=MINE, options=azure)
    told = refused({**OPENAI, "api_key": "k", "azure_deployment_id": "d"})
    assert "config.azure_deployment_id is not taken for OpenAI" in told


def test_a_header_and_a_target_say_the_same_or_one_is_refused():
    config = {**OPENAI, "openai_organization": "org"}
    assert settle(config, caller=MINE, options=ORGANIZATION)[0][2] == ORGANIZATION
    told = refused(config, caller=MINE, options={"openai-organization": "other"})
    assert "config.openai_organization is not what x-portkey-openai-organization says" in told


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
def test_what_a_provider_is_not_told_is_refused_with_the_remedy(slug, name, remedy, key):
    told = refused(model=None, caller=Caller(slug, key), options={name: "SECRET"})
    assert f"x-portkey-{name} is" in told
    assert remedy in told
    assert "SECRET" not in told


def test_an_access_token_is_a_key():
    mine = {"azure-ad-token": TOKEN, "azure-deployment-id": "d"}
    found = settle(AZURE, options=mine)
    assert found == [("azure-openai", TOKEN, {"azure-deployment-id": "d"}, False)]
    config = {**AZURE, "azure_ad_token": TOKEN, "azure_resource_name": "r"}
    assert settle(config) == [("azure-openai", TOKEN, {"azure-resource-name": "r"}, False)]
    both = refused(AZURE, options=mine, caller=Caller("azure-openai", "az-mine"))
    assert "'azure-ad-token' is a key for Azure OpenAI, and there is another one" in both
    wrong = refused(AZURE, options={"azure-ad-token": "MY-OWN"})
    assert "is no access token for Azure OpenAI: that begins with eyJ" in wrong
    assert "MY-OWN" not in wrong


def test_a_virtual_keys_options_are_its_providers():
    odd = {"odd": VirtualKey("openai", "sk-odd", {"azure-api-version": "v1"}, "odd")}
    with pytest.raises(Misconfigured, match="virtual key 'odd' has the option 'azure-api-version'"):
        settle(virtual_key="odd", keys=odd)


def test_a_targets_own_model_must_be_there():
    assert refused({**OPENAI, "override_params": {"model": "nope"}}, error=ModelNotFound)
    strict = Settings(strict_retired=True)
    own = {**OPENAI, "override_params": {"model": "dall-e-2"}}
    assert refused(own, settings=strict, error=ModelRetired)


def test_the_requests_model_need_not_be_everybodys():
    tree = fallback(OPENAI, {"provider": "stability-ai"})
    assert who(tree) == [("openai", None), ("stability-ai", None)]
    assert refused(model="nope", error=ModelNotFound)
