"""Portkey's config object -> a tree of targets. https://portkey.ai/docs/api-reference/config-object

Facts from Portkey-AI/gateway 669825c and docs-core b60bcb7. Keys are snake_case; settings of a parent hold for the
targets below that have none of their own; `override_params` are merged, the child's win.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast

from retouch.routing import conditions
from retouch.routing.problems import InvalidConfig
from retouch.routing.reading import Reader
from retouch.routing.tree import MODES, RETRIED, Branch, Cache, Condition, Leaf, Mode, Retry, Tree
from retouch.routing.tree import leaves as leaves
from retouch.specs import shown
from retouch.wire.portkey import AWS_KEYS

_MOST_TARGETS = 64  # in all
_DEEPEST = 8
_MOST_PATTERNS = 16  # a hostile one takes seconds of a long prompt
_MOST_WEIGHT = 1e9
_LONGEST_TIMEOUT = 900_000  # milliseconds; no function runs longer
_HOOKS = ("before_request_hooks", "after_request_hooks", "input_guardrails", "output_guardrails")
# Hosted extras that mean nothing here or are read elsewhere; taken without complaint.
_ELSEWHERE = frozenset(
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


def parse(config: Mapping[str, Any], families: tuple[str, ...]) -> Tree:
    """The tree of a config object. InvalidConfig names the path and the rule.

    `families` is how the headers of the providers' own options begin; here they have "_" for "-".
    """
    if config == {}:
        raise InvalidConfig("config", "is empty: it needs targets, a provider or a setting")
    prefixes = tuple(family.replace("-", "_") for family in families)
    tree = _node(Reader("config", config), Leaf("config"), prefixes)
    if sum(1 for _ in leaves(tree)) > _MOST_TARGETS:
        raise InvalidConfig("config", f"has more than {_MOST_TARGETS} targets")
    if _patterns(tree) > _MOST_PATTERNS:
        raise InvalidConfig("config", f"has more than {_MOST_PATTERNS} patterns for $regex")
    return tree


def _node(read: Reader, parent: Leaf, prefixes: tuple[str, ...], depth: int = 0) -> Tree:
    if depth > _DEEPEST:
        raise InvalidConfig(read.path, f"is nested more than {_DEEPEST} deep")
    own = _leaf(read, parent, prefixes)
    targets = read.objects("targets", _MOST_TARGETS)
    strategy = read.object("strategy") or Reader(f"{read.path}.strategy", {})
    read.finish(_ELSEWHERE)
    tree = _branch(own, targets, strategy, lambda target: _node(target, own, prefixes, depth + 1))
    if _paying(own) != _paying(parent):
        _check_heirs(own, tree)
    return tree


def _branch(
    own: Leaf, targets: list[Reader], strategy: Reader, below: Callable[[Reader], Tree]
) -> Tree:
    mode = cast(Mode, strategy.word("mode", MODES, "single"))
    branch = Branch(
        own.path,
        mode,
        targets=tuple(map(below, targets)),
        weights=tuple(target.number("weight", 1.0, 0, _MOST_WEIGHT) for target in targets),
        name=own.name,
        on_status_codes=strategy.codes("on_status_codes"),
        on_content_refusal=strategy.flag("on_content_refusal"),
        conditions=tuple(_condition(one) for one in strategy.objects("conditions", _MOST_TARGETS)),
        default=strategy.text("default"),
    )
    strategy.finish()
    if not targets and mode == "single":
        return own
    _check(branch)
    return branch


def _check(branch: Branch) -> None:
    if not branch.targets:
        raise InvalidConfig(branch.path, "has a strategy but no targets")
    if branch.mode == "loadbalance" and not sum(branch.weights):
        raise InvalidConfig(branch.path, "needs a target with a weight above 0")
    if branch.mode == "conditional":
        _check_names(branch)


def _check_names(branch: Branch) -> None:
    names = [target.name for target in branch.targets if target.name]
    if len(set(names)) < len(names):
        raise InvalidConfig(branch.path, "has two targets of the same name")
    for wanted in (*(c.then for c in branch.conditions), branch.default):
        if wanted is not None and wanted not in names:
            raise InvalidConfig(
                branch.path, f"names the target {shown(wanted)}, which is not there"
            )


def _check_heirs(own: Leaf, tree: Tree) -> None:
    """What a group says of who pays is for its targets; where none inherits it, nobody would hear of it."""
    heirs = [leaf for leaf in leaves(tree) if _heir(leaf, own)]
    for name in () if heirs else _said(own):
        raise InvalidConfig(
            f"{own.path}.{name}",
            "holds for none of the targets, for each says itself who serves or pays; write it there",
        )


def _heir(leaf: Leaf, own: Leaf) -> bool:
    """Whether a target has all that its group says."""
    return _paying(leaf)[:3] == _paying(own)[:3] and own.options.keys() <= leaf.options.keys()


def _said(own: Leaf) -> list[str]:
    named = {"api_key": own.key, "virtual_key": own.virtual_key, **own.options}
    return [name.replace("-", "_") for name, value in named.items() if value]


def _paying(leaf: Leaf) -> tuple[object, ...]:
    return (leaf.provider, leaf.key, leaf.virtual_key, leaf.options)


def _condition(read: Reader) -> Condition:
    query, then = read.mapping("query"), read.text("then")
    if query is None or then is None:
        raise InvalidConfig(read.path, "needs 'query' and 'then'")
    read.finish()
    return Condition(query, then, conditions.check(query, f"{read.path}.query"))


def _patterns(tree: Tree) -> int:
    if isinstance(tree, Leaf):
        return 0
    return sum(one.patterns for one in tree.conditions) + sum(map(_patterns, tree.targets))


def _leaf(read: Reader, parent: Leaf, prefixes: tuple[str, ...]) -> Leaf:
    timeout = read.number("request_timeout", None, 1, _LONGEST_TIMEOUT)
    retry, cache = read.object("retry"), read.object("cache")
    hooks = {name: read.raw(name) for name in _HOOKS if read.raw(name)}
    read.number("weight", 1.0, 0, _MOST_WEIGHT)  # its group reads it too
    return replace(
        _served(read, parent, prefixes),
        name=read.text("name"),
        override_params={**parent.override_params, **(read.mapping("override_params") or {})},
        retry=_retry(retry) if retry else parent.retry,
        cache=_cache(cache) if cache else parent.cache,
        timeout=timeout / 1000 if timeout else parent.timeout,
        custom_host=read.text("custom_host") or parent.custom_host,
        forward_headers=tuple(read.texts("forward_headers")) or parent.forward_headers,
        hooks={**parent.hooks, **hooks},
    )


def _served(read: Reader, parent: Leaf, prefixes: tuple[str, ...]) -> Leaf:
    """Who serves and who pays. Inherited as a whole or not at all, so that no key goes to another provider."""
    provider = (read.text("provider") or "").strip() or None
    virtual_key = (read.text("virtual_key") or "").strip().removeprefix("@") or None
    key, options = read.key("api_key"), _options(read, prefixes)
    if key and virtual_key:
        raise InvalidConfig(
            read.path, "has both api_key and virtual_key; leave out who does not pay"
        )
    if provider or key or virtual_key:
        return Leaf(read.path, None, provider, key, virtual_key, options)
    return replace(parent, path=read.path, options={**parent.options, **options})


def _options(read: Reader, prefixes: tuple[str, ...]) -> dict[str, str]:
    """{"azure-api-version": ...}. Long-lived cloud keys are refused, as they are in headers."""
    for name in (name.replace("-", "_") for name in AWS_KEYS):
        if read.raw(name):
            raise InvalidConfig(f"{read.path}.{name}", "is refused: use the gateway's own role")
    found = {name: read.setting(name) for name in read.names(prefixes)}
    return {name.replace("_", "-"): value for name, value in found.items() if value}


def _retry(read: Reader) -> Retry:
    # Portkey's source reads the first spelling, its documentation names the second.
    spellings = [
        read.flag("use_retry_after_header"),
        read.flag("use_retry_after_headers"),
    ]
    codes = read.codes("on_status_codes")
    retry = Retry(
        read.whole("attempts", 0, 0, 5),
        RETRIED if codes is None else codes,
        any(spellings),
        read.flag("may_buy_twice"),
    )
    read.finish()
    return retry


def _cache(read: Reader) -> Cache | None:
    mode = read.word("mode", ("simple", "semantic", "disabled"), "simple")
    age = read.whole("max_age", 0, 1, 7_776_000)
    read.finish()
    # Pictures are compared exactly: "semantic" means the same as "simple" here.
    return None if mode == "disabled" else Cache(age or None)
