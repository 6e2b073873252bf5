"""A config object becomes a tree, or is refused by path and rule."""

import pytest

from retouch.routing.problems import InvalidConfig
from retouch.routing.tree import FELL_BACK, RETRIED, Branch, Cache, Leaf, Retry, leaves
from tests.retouch.routing.asked import parse


def test_a_config_without_targets_is_one_target():
    leaf = parse({"provider": "@OpenAI", "api_key": "sk-1", "request_timeout": 60000})
    assert leaf == Leaf("config", provider="@OpenAI", key="sk-1", timeout=60.0)


def test_everything_a_target_can_say():
    leaf = parse(
        {
            "name": "a",
            "virtual_key": "@Team-Key",
            "override_params": {"model": "gpt-image-2", "camelCase": {"snake_case": 1}},
            "retry": {"attempts": 3, "on_status_codes": [429], "may_buy_twice": True},
            "cache": {"mode": "simple", "max_age": 3600},
            "custom_host": "https://images.example/v1",
            "forward_headers": ["X-A"],
            "before_request_hooks": [{"type": "guardrail"}],
            "azure_api_version": "v1",
            "vertex_service_account_json": {"project_id": "p"},
        }
    )
    assert leaf.virtual_key == "Team-Key"
    assert leaf.override_params == {"model": "gpt-image-2", "camelCase": {"snake_case": 1}}
    assert leaf.retry == Retry(3, (429,), False, True)
    assert leaf.cache == Cache(3600)
    assert (leaf.custom_host, leaf.forward_headers) == ("https://images.example/v1", ("X-A",))
    assert leaf.hooks == {"before_request_hooks": [{"type": "guardrail"}]}
    assert leaf.options == {
        "azure-api-version": "v1",
        "vertex-service-account-json": '{"project_id":"p"}',
    }


def test_keys_are_in_no_repr():
    leaf = parse(
        {"provider": "p", "api_key": "sk-secret", "input_guardrails": [{"k": "sk-secret"}]}
    )
    assert "sk-secret" not in repr(leaf)


def test_defaults():
    assert parse({"provider": "p", "retry": {"attempts": 2}}).retry == Retry(2, RETRIED)
    assert RETRIED == (429, 500, 502, 503, 504)
    assert FELL_BACK == (408, 429, 500, 502, 503, 504)
    assert parse({"cache": {"mode": "semantic"}}).cache == Cache(None)
    assert parse({"cache": {"mode": "disabled"}}).cache is None
    assert parse({"retry": {"attempts": 1, "on_status_codes": []}}).retry.on_status_codes == ()
    tree = parse({"targets": [{"provider": "p"}, {"provider": "q"}]})
    assert (tree.mode, tree.weights, tree.on_status_codes) == ("single", (1.0, 1.0), None)


@pytest.mark.parametrize("spelling", ["use_retry_after_header", "use_retry_after_headers"])
def test_both_spellings_of_the_retry_key(spelling):
    assert parse({"retry": {"attempts": 1, spelling: True}}).retry.use_retry_after
    assert not parse({"retry": {"attempts": 1, spelling: False}}).retry.use_retry_after


def test_a_target_has_what_its_parents_say_unless_it_says_it_itself():
    tree = parse(
        {
            "strategy": {"mode": "fallback"},
            "retry": {"attempts": 2},
            "cache": {"mode": "simple", "max_age": 60},
            "override_params": {"model": "m", "quality": "low"},
            "request_timeout": 1000,
            "custom_host": "https://a.example",
            "forward_headers": ["X-A"],
            "input_guardrails": ["g"],
            "output_guardrails": ["h"],
            "targets": [
                {"provider": "p"},
                {
                    "provider": "q",
                    "retry": {"attempts": 0},
                    "cache": {"mode": "disabled"},
                    "override_params": {"quality": "high"},
                    "request_timeout": 2000,
                    "custom_host": "https://b.example",
                    "forward_headers": ["X-B"],
                    "input_guardrails": ["i"],
                },
            ],
        }
    )
    first, second = tree.targets
    assert (first.retry, first.cache, first.timeout) == (Retry(2), Cache(60), 1.0)
    assert first.override_params == {"model": "m", "quality": "low"}
    assert (first.custom_host, first.forward_headers) == ("https://a.example", ("X-A",))
    assert first.hooks == {"input_guardrails": ["g"], "output_guardrails": ["h"]}
    assert (second.retry, second.cache, second.timeout) == (Retry(0), None, 2.0)
    assert second.override_params == {"model": "m", "quality": "high"}
    assert (second.custom_host, second.forward_headers) == ("https://b.example", ("X-B",))
    assert second.hooks == {"input_guardrails": ["i"], "output_guardrails": ["h"]}
    assert second.name is None


@pytest.mark.parametrize("own", [{"provider": "q"}, {"api_key": "k2"}, {"virtual_key": "v"}])
def test_a_key_never_goes_to_another_provider(own):
    parent = {"provider": "p", "api_key": "sk-p", "azure_api_version": "v1"}
    tree = parse({**parent, "targets": [own, {"override_params": {"n": 1}}]})
    stranger, child = tree.targets
    assert (stranger.key, stranger.options) == (own.get("api_key"), {})
    assert stranger.provider == own.get("provider")
    assert (child.provider, child.key) == ("p", "sk-p")
    assert child.options == {"azure-api-version": "v1"}


@pytest.mark.parametrize(
    ("says", "name"),
    [
        ({"api_key": "sk-SECRET"}, "api_key"),
        ({"virtual_key": "team"}, "virtual_key"),
        ({"provider": "p", "azure_api_version": "v1"}, "azure_api_version"),
        ({"azure_api_version": "v1"}, "azure_api_version"),
    ],
)
def test_who_pays_for_a_group_pays_for_a_target_of_it(says, name):
    with pytest.raises(InvalidConfig, match="holds for none of the targets") as refused:
        parse({**says, "targets": [{"provider": "p"}, {"provider": "q", "api_key": "k"}]})
    assert refused.value.path == f"config.{name}"
    assert "SECRET" not in str(refused.value)
    inner = {"targets": [{"provider": "p"}]}
    assert parse({**says, "targets": [inner, {"override_params": {"n": 1}}]})


def test_only_one_pays():
    with pytest.raises(InvalidConfig, match=r"targets\[0\] has both api_key and virtual_key"):
        parse({"targets": [{"api_key": "k", "virtual_key": "v"}]})
    assert parse({"api_key": "undefined", "virtual_key": "v"}).key is None


@pytest.mark.parametrize("key", ["", " ", "undefined", "OPENAI_API_KEY", "DUMMY-KEY", "null"])
def test_a_placeholder_is_no_key(key):
    assert parse({"provider": "p", "api_key": key}) == Leaf("config", provider="p")


@pytest.mark.parametrize("key", ["sk-SEC\nRET", "sk-SECRET\r\nX-Evil: 1", "sk-SECé", "rt_SEC"])
@pytest.mark.parametrize("name", ["api_key", "openai_organization", "azure_ad_token"])
def test_what_no_provider_may_get_is_refused_and_not_repeated(name, key):
    with pytest.raises(InvalidConfig) as refused:
        parse({"provider": "p", name: key})
    assert refused.value.path == f"config.{name}"
    assert "SEC" not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("value", ["", "undefined", "null", None])
def test_a_placeholder_is_no_option(value):
    assert parse({"provider": "p", "openai_project": value}).options == {}


def test_groups_nest_and_inherit_through():
    tree = parse(
        {
            "strategy": {"mode": "fallback", "on_status_codes": [429], "on_content_refusal": True},
            "request_timeout": 5000,
            "targets": [
                {
                    "name": "pair",
                    "strategy": {"mode": "loadbalance"},
                    "targets": [{"provider": "p", "weight": 0.8}, {"provider": "q", "weight": 0.2}],
                },
                {"provider": "r"},
            ],
        }
    )
    pair = tree.targets[0]
    assert isinstance(pair, Branch)
    assert (pair.mode, pair.name, pair.weights) == ("loadbalance", "pair", (0.8, 0.2))
    assert (tree.on_status_codes, tree.on_content_refusal) == ((429,), True)
    assert [leaf.path for leaf in leaves(tree)] == [
        "config.targets[0].targets[0]",
        "config.targets[0].targets[1]",
        "config.targets[1]",
    ]
    assert {leaf.timeout for leaf in leaves(tree)} == {5.0}
    assert {leaf.name for leaf in leaves(tree)} == {None}


def test_hosted_extras_are_taken():
    leaf = parse(
        {
            "provider": "@openai-prod",
            "default_params": {"n": 1},
            "drop_params": ["user"],
            "passthrough": True,
            "cb_config": {"failure_threshold": 5, "cooldown_interval": 30000},
            "strict_open_ai_compliance": False,
            "id": "x",
            "version": 1,
        }
    )
    assert leaf == Leaf("config", provider="@openai-prod")


def nested(depth):
    return {"targets": [nested(depth - 1)]} if depth else {"provider": "p"}


def conditional(**strategy):
    return {
        "strategy": {"mode": "conditional", **strategy},
        "targets": [{"name": "a", "provider": "p"}, {"name": "b", "provider": "q"}],
    }


def searching(patterns):
    either = {"$or": [{"metadata.a": {"$regex": str(i)}} for i in range(patterns)]}
    return conditional(conditions=[{"query": either, "then": "a"}])


REFUSED = [
    ({}, "config is empty"),
    ({"provder": "p"}, "config.provder is not known"),
    ({"targets": [{"provider": "p"}, {"weigth": 1}]}, "config.targets[1].weigth is not known"),
    ({"strategy": {"mode": "fastest"}, "targets": [{}]}, "config.strategy.mode must be one of"),
    ({"strategy": {"mode": "single", "on_codes": []}}, "config.strategy.on_codes is not known"),
    ({"strategy": {"mode": "fallback"}}, "config has a strategy but no targets"),
    ({"strategy": {"mode": "fallback"}, "targets": []}, "config has a strategy but no targets"),
    ({"strategy": []}, "config.strategy must be an object"),
    ({"targets": {}}, "config.targets must be a list"),
    ({"targets": ["p"]}, "config.targets[0] must be an object"),
    ({"targets": [{}] * 65}, "config.targets has more than 64"),
    ({"targets": [{"targets": [{}] * 33}] * 2}, "config has more than 64 targets"),
    (nested(9), "is nested more than 8 deep"),
    ({"retry": 3}, "config.retry must be an object"),
    ({"retry": {"attempts": 6}}, "config.retry.attempts must be from 0 to 5"),
    ({"retry": {"attempts": 1.5}}, "config.retry.attempts must be a whole number"),
    ({"retry": {"attempts": "3"}}, "config.retry.attempts must be a number"),
    ({"retry": {"attempts": True}}, "config.retry.attempts must be a number"),
    ({"retry": {"attempts": float("nan")}}, "config.retry.attempts must be from"),
    ({"retry": {"attempts": 1, "after": 1}}, "config.retry.after is not known"),
    ({"retry": {"on_status_codes": [99]}}, "config.retry.on_status_codes must be a list of status"),
    ({"retry": {"on_status_codes": ["429"]}}, "on_status_codes must be a list of status codes"),
    ({"retry": {"on_status_codes": 429}}, "on_status_codes must be a list of status codes"),
    ({"retry": {"may_buy_twice": "yes"}}, "config.retry.may_buy_twice must be true or false"),
    ({"cache": {"mode": "exact"}}, "config.cache.mode must be one of"),
    ({"cache": {"max_age": 0}}, "config.cache.max_age must be a whole number from 1"),
    ({"cache": {"max_age": 7_776_001}}, "config.cache.max_age must be from"),
    ({"cache": {"ttl": 1}}, "config.cache.ttl is not known"),
    ({"request_timeout": 0}, "config.request_timeout must be from 1 to"),
    ({"request_timeout": 900_001}, "config.request_timeout must be from 1 to"),
    ({"provider": 1}, "config.provider must be text"),
    ({"override_params": []}, "config.override_params must be an object"),
    ({"forward_headers": "X-A"}, "config.forward_headers must be a list of texts"),
    ({"aws_secret_access_key": "k"}, "config.aws_secret_access_key is refused"),
    ({"strategy": {"mode": "loadbalance"}, "targets": [{"weight": 0}]}, "weight above 0"),
    ({"targets": [{"weight": -1}]}, "config.targets[0].weight must be from 0"),
    (conditional(default="c"), "config names the target 'c', which is not there"),
    (conditional(conditions=[{"query": {}, "then": "c"}]), "names the target 'c'"),
    (conditional(conditions=[{"query": {}}]), "conditions[0] needs 'query' and 'then'"),
    (
        conditional(conditions=[{"query": {}, "then": "a", "else": "b"}]),
        "config.strategy.conditions[0].else is not known",
    ),
    (searching(17), "has more than 16 patterns for $regex"),
    ({"targets": [searching(9), searching(8)]}, "has more than 16 patterns for $regex"),
    (
        {"strategy": {"mode": "conditional"}, "targets": [{"name": "a"}, {"name": "a"}]},
        "two targets of the same name",
    ),
]


@pytest.mark.parametrize(("config", "sentence"), REFUSED, ids=lambda one: str(one)[:60])
def test_what_breaks_a_rule_is_refused_by_its_path(config, sentence):
    with pytest.raises(InvalidConfig) as refused:
        parse(config)
    assert str(refused.value).startswith("Invalid config passed: config")
    assert sentence in str(refused.value)
    assert (refused.value.status, refused.value.code) == (400, "invalid_config")


@pytest.mark.parametrize("config", [[], "pc-1", 3, None])
def test_a_config_is_an_object(config):
    with pytest.raises(InvalidConfig, match="config must be an object"):
        parse(config)


def test_a_refusal_repeats_no_key():
    with pytest.raises(InvalidConfig) as refused:
        parse({"provider": "p", "api_key": ["sk-secret"]})
    assert "sk-secret" not in str(refused.value)


def test_the_deepest_and_the_largest_that_are_allowed():
    assert [leaf.provider for leaf in leaves(parse(nested(8)))] == ["p"]
    assert len(list(leaves(parse({"targets": [{}] * 64})))) == 64
    assert parse(searching(16)).conditions[0].patterns == 16
