"""Tests that a config object becomes a routing tree or is rejected with its path and the broken rule."""

import pytest

from retouch.gateway.config_reader import InvalidConfig
from retouch.gateway.routing.tree import (
    DEFAULT_FALLBACK_CODES,
    DEFAULT_RETRY_CODES,
    CachePolicy,
    RetryPolicy,
    Target,
    TargetGroup,
    iter_targets,
)
from tests.retouch.gateway.routing.routed_run import parse


def test_config_without_targets_is_one_target():
    target = parse({"provider": "@OpenAI", "api_key": "sk-1", "request_timeout": 60000})
    assert target == Target("config", provider="@OpenAI", key="sk-1", timeout=60.0)


def test_target_with_every_field_is_parsed():
    target = parse(
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
    assert target.virtual_key == "Team-Key"
    assert target.override_params == {"model": "gpt-image-2", "camelCase": {"snake_case": 1}}
    assert target.retry == RetryPolicy(3, (429,), False, True)
    assert target.cache == CachePolicy(3600)
    assert (target.custom_host, target.forward_headers) == ("https://images.example/v1", ("X-A",))
    assert target.hooks == {"before_request_hooks": [{"type": "guardrail"}]}
    assert target.options == {
        "azure-api-version": "v1",
        "vertex-service-account-json": '{"project_id":"p"}',
    }


def test_target_repr_hides_keys():
    target = parse(
        {"provider": "p", "api_key": "sk-secret", "input_guardrails": [{"k": "sk-secret"}]}
    )
    assert "sk-secret" not in repr(target)


def test_missing_config_fields_get_defaults():
    assert parse({"provider": "p", "retry": {"attempts": 2}}).retry == RetryPolicy(
        2, DEFAULT_RETRY_CODES
    )
    assert DEFAULT_RETRY_CODES == (429, 500, 502, 503, 504)
    assert DEFAULT_FALLBACK_CODES == (408, 429, 500, 502, 503, 504)
    assert parse({"cache": {"mode": "semantic"}}).cache == CachePolicy(None)
    assert parse({"cache": {"mode": "disabled"}}).cache is None
    assert parse({"retry": {"attempts": 1, "on_status_codes": []}}).retry.on_status_codes == ()
    tree = parse({"targets": [{"provider": "p"}, {"provider": "q"}]})
    assert (tree.mode, tree.weights, tree.on_status_codes) == ("single", (1.0, 1.0), None)


@pytest.mark.parametrize("spelling", ["use_retry_after_header", "use_retry_after_headers"])
def test_both_spellings_of_use_retry_after_header_are_accepted(spelling):
    assert parse({"retry": {"attempts": 1, spelling: True}}).retry.use_retry_after
    assert not parse({"retry": {"attempts": 1, spelling: False}}).retry.use_retry_after


def test_target_inherits_group_fields_unless_it_sets_them():
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
    assert (first.retry, first.cache, first.timeout) == (RetryPolicy(2), CachePolicy(60), 1.0)
    assert first.override_params == {"model": "m", "quality": "low"}
    assert (first.custom_host, first.forward_headers) == ("https://a.example", ("X-A",))
    assert first.hooks == {"input_guardrails": ["g"], "output_guardrails": ["h"]}
    assert (second.retry, second.cache, second.timeout) == (RetryPolicy(0), None, 2.0)
    assert second.override_params == {"model": "m", "quality": "high"}
    assert (second.custom_host, second.forward_headers) == ("https://b.example", ("X-B",))
    assert second.hooks == {"input_guardrails": ["i"], "output_guardrails": ["h"]}
    assert second.name is None


@pytest.mark.parametrize(
    "own_credential", [{"provider": "q"}, {"api_key": "k2"}, {"virtual_key": "v"}]
)
def test_group_key_is_not_inherited_by_target_with_other_credential(own_credential):
    parent = {"provider": "p", "api_key": "sk-p", "azure_api_version": "v1"}
    tree = parse({**parent, "targets": [own_credential, {"override_params": {"n": 1}}]})
    other, child = tree.targets
    assert (other.key, other.options) == (own_credential.get("api_key"), {})
    assert other.provider == own_credential.get("provider")
    assert (child.provider, child.key) == ("p", "sk-p")
    assert child.options == {"azure-api-version": "v1"}


@pytest.mark.parametrize(
    ("credential", "name"),
    [
        ({"api_key": "sk-SECRET"}, "api_key"),
        ({"virtual_key": "team"}, "virtual_key"),
        ({"provider": "p", "azure_api_version": "v1"}, "azure_api_version"),
        ({"azure_api_version": "v1"}, "azure_api_version"),
    ],
)
def test_group_credential_used_by_no_target_is_rejected(credential, name):
    with pytest.raises(InvalidConfig, match="holds for none of the targets") as exc_info:
        parse({**credential, "targets": [{"provider": "p"}, {"provider": "q", "api_key": "k"}]})
    assert exc_info.value.path == f"config.{name}"
    assert "SECRET" not in str(exc_info.value)
    inner = {"targets": [{"provider": "p"}]}
    assert parse({**credential, "targets": [inner, {"override_params": {"n": 1}}]})


def test_target_with_api_key_and_virtual_key_is_rejected():
    with pytest.raises(InvalidConfig, match=r"targets\[0\] has both api_key and virtual_key"):
        parse({"targets": [{"api_key": "k", "virtual_key": "v"}]})
    assert parse({"api_key": "undefined", "virtual_key": "v"}).key is None


@pytest.mark.parametrize("key", ["", " ", "undefined", "OPENAI_API_KEY", "DUMMY-KEY", "null"])
def test_placeholder_api_key_is_ignored(key):
    assert parse({"provider": "p", "api_key": key}) == Target("config", provider="p")


@pytest.mark.parametrize("key", ["sk-SEC\nRET", "sk-SECRET\r\nX-Evil: 1", "sk-SECé", "rt_SEC"])
@pytest.mark.parametrize("name", ["api_key", "openai_organization", "azure_ad_token"])
def test_invalid_key_is_rejected_and_not_in_error_message(name, key):
    with pytest.raises(InvalidConfig) as exc_info:
        parse({"provider": "p", name: key})
    assert exc_info.value.path == f"config.{name}"
    assert "SEC" not in str(exc_info.value)
    assert exc_info.value.__cause__ is None


@pytest.mark.parametrize("value", ["", "undefined", "null", None])
def test_placeholder_option_is_ignored(value):
    assert parse({"provider": "p", "openai_project": value}).options == {}


def test_nested_groups_inherit_fields():
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
    assert isinstance(pair, TargetGroup)
    assert (pair.mode, pair.name, pair.weights) == ("loadbalance", "pair", (0.8, 0.2))
    assert (tree.on_status_codes, tree.on_content_refusal) == ((429,), True)
    assert [target.path for target in iter_targets(tree)] == [
        "config.targets[0].targets[0]",
        "config.targets[0].targets[1]",
        "config.targets[1]",
    ]
    assert {target.timeout for target in iter_targets(tree)} == {5.0}
    assert {target.name for target in iter_targets(tree)} == {None}


def test_fields_of_hosted_portkey_are_accepted():
    target = parse(
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
    assert target == Target("config", provider="@openai-prod")


def nested_groups(depth):
    return {"targets": [nested_groups(depth - 1)]} if depth else {"provider": "p"}


def conditional_config(**strategy):
    return {
        "strategy": {"mode": "conditional", **strategy},
        "targets": [{"name": "a", "provider": "p"}, {"name": "b", "provider": "q"}],
    }


def config_with_regex_patterns(patterns):
    either = {"$or": [{"metadata.a": {"$regex": str(i)}} for i in range(patterns)]}
    return conditional_config(conditions=[{"query": either, "then": "a"}])


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
    (nested_groups(9), "is nested more than 8 deep"),
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
    ({"provider": 1}, "config.provider must be a string"),
    ({"override_params": []}, "config.override_params must be an object"),
    ({"forward_headers": "X-A"}, "config.forward_headers must be a list of strings"),
    ({"aws_secret_access_key": "k"}, "config.aws_secret_access_key is refused"),
    ({"strategy": {"mode": "loadbalance"}, "targets": [{"weight": 0}]}, "weight above 0"),
    ({"targets": [{"weight": -1}]}, "config.targets[0].weight must be from 0"),
    (conditional_config(default="c"), "config names the target 'c', which does not exist"),
    (conditional_config(conditions=[{"query": {}, "then": "c"}]), "names the target 'c'"),
    (conditional_config(conditions=[{"query": {}}]), "conditions[0] needs 'query' and 'then'"),
    (
        conditional_config(conditions=[{"query": {}, "then": "a", "else": "b"}]),
        "config.strategy.conditions[0].else is not known",
    ),
    (config_with_regex_patterns(17), "has more than 16 patterns for $regex"),
    (
        {"targets": [config_with_regex_patterns(9), config_with_regex_patterns(8)]},
        "has more than 16 patterns for $regex",
    ),
    (
        {"strategy": {"mode": "conditional"}, "targets": [{"name": "a"}, {"name": "a"}]},
        "two targets with the same name",
    ),
]


@pytest.mark.parametrize(("config", "sentence"), REFUSED, ids=lambda one: str(one)[:60])
def test_invalid_config_is_rejected_naming_its_path(config, sentence):
    with pytest.raises(InvalidConfig) as exc_info:
        parse(config)
    assert str(exc_info.value).startswith("Invalid config passed: config")
    assert sentence in str(exc_info.value)
    assert (exc_info.value.status, exc_info.value.code) == (400, "invalid_config")


@pytest.mark.parametrize("config", [[], "pc-1", 3, None])
def test_config_that_is_no_object_is_rejected(config):
    with pytest.raises(InvalidConfig, match="config must be an object"):
        parse(config)


def test_config_error_does_not_contain_key():
    with pytest.raises(InvalidConfig) as exc_info:
        parse({"provider": "p", "api_key": ["sk-secret"]})
    assert "sk-secret" not in str(exc_info.value)


def test_deepest_and_largest_config_are_accepted():
    assert [target.provider for target in iter_targets(parse(nested_groups(8)))] == ["p"]
    assert len(list(iter_targets(parse({"targets": [{}] * 64})))) == 64
    assert parse(config_with_regex_patterns(16)).conditions[0].pattern_count == 16
