"""Parser of Portkey's config object into a routing tree. https://portkey.ai/docs/api-reference/config-object

The sources are Portkey-AI/gateway 669825c and docs-core b60bcb7. Keys are snake_case. A target inherits each setting
that it does not have from its parent. `override_params` are merged, and the child's values win.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast

from retouch.core.parameters import quote_value
from retouch.core.portkey_types import AWS_KEY_NAMES, PortkeyHeaders
from retouch.gateway.config_reader import ConfigReader, InvalidConfig
from retouch.gateway.routing import conditions
from retouch.gateway.routing.tree import (
    DEFAULT_RETRY_CODES,
    STRATEGY_MODES,
    CachePolicy,
    Condition,
    RetryPolicy,
    RoutingTree,
    StrategyMode,
    Target,
    TargetGroup,
    iter_targets,
)

_MAX_TARGETS = 64  # in the whole config
_MAX_DEPTH = 8
_MAX_PATTERNS = 16  # a hostile pattern may need seconds for a long prompt
_MAX_WEIGHT = 1e9
_MAX_TIMEOUT_MS = 900_000  # the longest run of a Lambda function
_HOOK_KEYS = (
    "before_request_hooks",
    "after_request_hooks",
    "input_guardrails",
    "output_guardrails",
)
# Keys that other code reads, and keys of Portkey's hosted service that have no effect here. Both are accepted.
_IGNORED_KEYS = frozenset(
    (
        "id",
        "version",
        "default_params",
        "drop_params",
        "passthrough",
        "cb_config",
        "strict_open_ai_compliance",
    )
)


def parse_config(config: Mapping[str, Any], header_prefixes: tuple[str, ...]) -> RoutingTree:
    """Return the routing tree of a config object. Raises InvalidConfig with the path and the rule.

    `header_prefixes` are the header prefixes of the provider options. Config keys use "_" in place of "-".
    """
    if config == {}:
        raise InvalidConfig("config", "is empty: it needs targets, a provider or a setting")
    key_prefixes = tuple(header_prefix.replace("-", "_") for header_prefix in header_prefixes)
    tree = _parse_node(ConfigReader("config", config), Target("config"), key_prefixes)
    if sum(1 for _ in iter_targets(tree)) > _MAX_TARGETS:
        raise InvalidConfig("config", f"has more than {_MAX_TARGETS} targets")
    if _count_patterns(tree) > _MAX_PATTERNS:
        raise InvalidConfig("config", f"has more than {_MAX_PATTERNS} patterns for $regex")
    return tree


def _parse_node(
    reader: ConfigReader, parent: Target, key_prefixes: tuple[str, ...], depth: int = 0
) -> RoutingTree:
    if depth > _MAX_DEPTH:
        raise InvalidConfig(reader.path, f"is nested more than {_MAX_DEPTH} deep")
    settings = _parse_target(reader, parent, key_prefixes)
    target_readers = reader.children("targets", _MAX_TARGETS)
    strategy = reader.child("strategy") or ConfigReader(f"{reader.path}.strategy", {})
    reader.reject_unknown_keys(_IGNORED_KEYS)
    tree = _build_group(
        settings,
        target_readers,
        strategy,
        lambda target: _parse_node(target, settings, key_prefixes, depth + 1),
    )
    if _credential_fields(settings) != _credential_fields(parent):
        _check_inheritance(settings, tree)
    return tree


def _build_group(
    settings: Target,
    target_readers: list[ConfigReader],
    strategy: ConfigReader,
    parse_child: Callable[[ConfigReader], RoutingTree],
) -> RoutingTree:
    mode = cast(StrategyMode, strategy.choice("mode", STRATEGY_MODES, "single"))
    group = TargetGroup(
        settings.path,
        mode,
        targets=tuple(map(parse_child, target_readers)),
        weights=tuple(target.number("weight", 1.0, 0, _MAX_WEIGHT) for target in target_readers),
        name=settings.name,
        on_status_codes=strategy.status_codes("on_status_codes"),
        on_content_refusal=strategy.flag("on_content_refusal"),
        conditions=tuple(
            _parse_condition(condition_reader)
            for condition_reader in strategy.children("conditions", _MAX_TARGETS)
        ),
        default=strategy.text("default"),
    )
    strategy.reject_unknown_keys()
    if not target_readers and mode == "single":
        return settings
    _check_group(group)
    return group


def _check_group(group: TargetGroup) -> None:
    if not group.targets:
        raise InvalidConfig(group.path, "has a strategy but no targets")
    if group.mode == "loadbalance" and not sum(group.weights):
        raise InvalidConfig(group.path, "needs a target with a weight above 0")
    if group.mode == "conditional":
        _check_target_names(group)


def _check_target_names(group: TargetGroup) -> None:
    names = [target.name for target in group.targets if target.name]
    if len(set(names)) < len(names):
        raise InvalidConfig(group.path, "has two targets with the same name")
    for wanted_name in (*(condition.then for condition in group.conditions), group.default):
        if wanted_name is not None and wanted_name not in names:
            raise InvalidConfig(
                group.path, f"names the target {quote_value(wanted_name)}, which does not exist"
            )


def _check_inheritance(settings: Target, tree: RoutingTree) -> None:
    """Raise InvalidConfig when no target inherits the credentials of its group, because they would have no effect."""
    inheriting_targets = [
        target for target in iter_targets(tree) if _has_inherited(target, settings)
    ]
    for name in () if inheriting_targets else _credential_keys(settings):
        raise InvalidConfig(
            f"{settings.path}.{name}",
            "holds for none of the targets: each has its own provider or key; write it in the target",
        )


def _has_inherited(target: Target, settings: Target) -> bool:
    """Return whether the target has the provider, the keys and the options of its group."""
    return (
        _credential_fields(target)[:3] == _credential_fields(settings)[:3]
        and settings.options.keys() <= target.options.keys()
    )


def _credential_keys(settings: Target) -> list[str]:
    credentials = {"api_key": settings.key, "virtual_key": settings.virtual_key, **settings.options}
    return [name.replace("-", "_") for name, value in credentials.items() if value]


def _credential_fields(target: Target) -> tuple[object, ...]:
    return (target.provider, target.key, target.virtual_key, target.options)


def _parse_condition(reader: ConfigReader) -> Condition:
    query, then = reader.mapping("query"), reader.text("then")
    if query is None or then is None:
        raise InvalidConfig(reader.path, "needs 'query' and 'then'")
    reader.reject_unknown_keys()
    return Condition(query, then, conditions.check_query(query, f"{reader.path}.query"))


def _count_patterns(tree: RoutingTree) -> int:
    if isinstance(tree, Target):
        return 0
    return sum(condition.pattern_count for condition in tree.conditions) + sum(
        map(_count_patterns, tree.targets)
    )


def _parse_target(reader: ConfigReader, parent: Target, key_prefixes: tuple[str, ...]) -> Target:
    timeout = reader.number("request_timeout", None, 1, _MAX_TIMEOUT_MS)
    retry, cache = reader.child("retry"), reader.child("cache")
    hooks = {name: reader.raw_value(name) for name in _HOOK_KEYS if reader.raw_value(name)}
    reader.number("weight", 1.0, 0, _MAX_WEIGHT)  # the target group reads it too
    return replace(
        _parse_credentials(reader, parent, key_prefixes),
        name=reader.text("name"),
        override_params={**parent.override_params, **(reader.mapping("override_params") or {})},
        retry=_parse_retry(retry) if retry else parent.retry,
        cache=_parse_cache(cache) if cache else parent.cache,
        timeout=timeout / 1000 if timeout else parent.timeout,
        custom_host=reader.text("custom_host") or parent.custom_host,
        forward_headers=tuple(reader.text_list("forward_headers")) or parent.forward_headers,
        hooks={**parent.hooks, **hooks},
    )


def _parse_credentials(
    reader: ConfigReader, parent: Target, key_prefixes: tuple[str, ...]
) -> Target:
    """Return a target with its provider, keys and options.

    A target inherits all three together or none of them, so that no key goes to another provider.
    """
    provider = (reader.text("provider") or "").strip() or None
    virtual_key = (reader.text("virtual_key") or "").strip().removeprefix("@") or None
    key, options = reader.key("api_key"), _parse_options(reader, key_prefixes)
    if key and virtual_key:
        raise InvalidConfig(reader.path, "has both api_key and virtual_key; leave one of them out")
    if provider or key or virtual_key:
        return Target(reader.path, None, provider, key, virtual_key, options)
    return replace(parent, path=reader.path, options={**parent.options, **options})


def _parse_options(reader: ConfigReader, key_prefixes: tuple[str, ...]) -> dict[str, str]:
    """Return the provider options by header name, for example {"azure-api-version": ...}.

    Raises InvalidConfig for a long-lived cloud key. Headers must not have one either.
    """
    for name in (name.replace("-", "_") for name in AWS_KEY_NAMES):
        if reader.raw_value(name):
            raise InvalidConfig(f"{reader.path}.{name}", "is refused: use the gateway's own role")
    options = {name: reader.option_value(name) for name in reader.keys_with_prefix(key_prefixes)}
    return {name.replace("_", "-"): value for name, value in options.items() if value}


def _parse_retry(reader: ConfigReader) -> RetryPolicy:
    # Portkey's source reads the first spelling. Its documentation uses the second.
    spellings = [
        reader.flag("use_retry_after_header"),
        reader.flag("use_retry_after_headers"),
    ]
    codes = reader.status_codes("on_status_codes")
    retry = RetryPolicy(
        reader.integer("attempts", 0, 0, 5),
        DEFAULT_RETRY_CODES if codes is None else codes,
        any(spellings),
        reader.flag("may_buy_twice"),
    )
    reader.reject_unknown_keys()
    return retry


def _parse_cache(reader: ConfigReader) -> CachePolicy | None:
    mode = reader.choice("mode", ("simple", "semantic", "disabled"), "simple")
    max_age = reader.integer("max_age", 0, 1, 7_776_000)
    reader.reject_unknown_keys()
    # The cache compares images exactly, so "semantic" has the same effect as "simple".
    return None if mode == "disabled" else CachePolicy(max_age or None)


_EMPTY_TARGET = Target("config")


def routing_tree(
    portkey: PortkeyHeaders,
    load_config: Callable[[str], Mapping[str, Any]],
    header_prefixes: tuple[str, ...],
) -> RoutingTree:
    """Return the routing tree of a request. Raises InvalidConfig when its config is invalid.

    `header_prefixes` has the same meaning as in `parse_config`.
    """
    if portkey.config is None:
        return _EMPTY_TARGET
    if not isinstance(portkey.config, str):
        return parse_config(portkey.config, header_prefixes)
    tree = parse_config(load_config(portkey.config), header_prefixes)
    for target in iter_targets(tree):
        # Without a provider in the config, the request would choose which provider gets the saved key.
        if target.key and target.provider is None:
            raise InvalidConfig(target.path, "has a saved api_key and must name its provider")
    return tree
