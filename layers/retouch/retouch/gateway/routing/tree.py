"""The data types of routing: targets, their policies, and target groups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any, Literal

from retouch.core.frozen_dataclass import frozen_dataclass

StrategyMode = Literal["single", "fallback", "loadbalance", "conditional"]
STRATEGY_MODES: tuple[StrategyMode, ...] = ("single", "fallback", "loadbalance", "conditional")
DEFAULT_RETRY_CODES = (429, 500, 502, 503, 504)
DEFAULT_FALLBACK_CODES = (408, 429, 500, 502, 503, 504)


@frozen_dataclass
class RetryPolicy:
    """The retry policy of a target.

    A call that may have been billed is not repeated, unless `may_buy_twice` is true.
    """

    attempts: int = 0
    on_status_codes: tuple[int, ...] = DEFAULT_RETRY_CODES
    use_retry_after: bool = False
    may_buy_twice: bool = False


@frozen_dataclass
class CachePolicy:
    """The cache policy of a target: a response may come from the cache if it is at most `max_age` seconds old."""

    max_age: int | None = None


@frozen_dataclass
class Target:
    """One target: the provider that gets a request, and the changes to the request for it."""

    path: str  # position in the config, such as "config.targets[1]"
    name: str | None = None
    provider: str | None = None
    key: str | None = field(default=None, repr=False)
    virtual_key: str | None = None
    options: Mapping[str, str] = field(default_factory=dict, repr=False)  # "azure-api-version", ...
    override_params: Mapping[str, Any] = field(default_factory=dict)
    retry: RetryPolicy = RetryPolicy()
    cache: CachePolicy | None = None
    timeout: float | None = None  # seconds
    custom_host: str | None = None
    forward_headers: tuple[str, ...] = ()
    hooks: Mapping[str, Any] = field(default_factory=dict, repr=False)  # guardrails, unparsed


@frozen_dataclass
class Condition:
    """A query, and the name of the target for the requests that match it."""

    query: Mapping[str, Any]
    then: str
    pattern_count: int = 0  # regular expressions in the query; they are limited for their run time


@frozen_dataclass
class TargetGroup:
    """Several targets, and the strategy that selects one of them."""

    path: str
    mode: StrategyMode
    targets: tuple[Target | TargetGroup, ...]
    weights: tuple[float, ...]
    name: str | None = None
    on_status_codes: tuple[int, ...] | None = None  # None: default codes, unbilled only
    on_content_refusal: bool = False  # a content refusal falls back to the next target
    conditions: tuple[Condition, ...] = ()
    default: str | None = None


RoutingTree = Target | TargetGroup


def iter_targets(tree: RoutingTree) -> Iterator[Target]:
    """Yield all targets of the tree in the order of the config."""
    if isinstance(tree, Target):
        yield tree
    else:
        for target in tree.targets:
            yield from iter_targets(target)
