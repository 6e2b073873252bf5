"""The nouns of routing: targets, what holds for them, and the groups in which one of them is chosen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Mode = Literal["single", "fallback", "loadbalance", "conditional"]
MODES: tuple[Mode, ...] = ("single", "fallback", "loadbalance", "conditional")
RETRIED = (429, 500, 502, 503, 504)
FELL_BACK = (408, 429, 500, 502, 503, 504)


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a target is asked again. Nothing that may have been bought is, unless `may_buy_twice` says so."""

    attempts: int = 0
    on_status_codes: tuple[int, ...] = RETRIED
    use_retry_after: bool = False
    may_buy_twice: bool = False


@dataclass(frozen=True, slots=True)
class Cache:
    """Whether an edit may be answered from the store, and how old the answer may be, in seconds."""

    max_age: int | None = None


@dataclass(frozen=True, slots=True)
class Leaf:
    """One target: where a request goes, and what is changed on the way."""

    path: str  # where it stands, as "config.targets[1]"
    name: str | None = None
    provider: str | None = None
    key: str | None = field(default=None, repr=False)
    virtual_key: str | None = None
    options: Mapping[str, str] = field(default_factory=dict, repr=False)  # "azure-api-version", ...
    override_params: Mapping[str, Any] = field(default_factory=dict)
    retry: Retry = Retry()
    cache: Cache | None = None
    timeout: float | None = None  # seconds
    custom_host: str | None = None
    forward_headers: tuple[str, ...] = ()
    hooks: Mapping[str, Any] = field(default_factory=dict, repr=False)  # guardrails, as written


@dataclass(frozen=True, slots=True)
class Condition:
    """Where a request goes when its query matches."""

    query: Mapping[str, Any]
    then: str
    patterns: int = 0  # regular expressions in the query, each of which takes time


@dataclass(frozen=True, slots=True)
class Branch:
    """Several targets and the rule by which one is chosen."""

    path: str
    mode: Mode
    targets: tuple[Leaf | Branch, ...]
    weights: tuple[float, ...]
    name: str | None = None
    on_status_codes: tuple[int, ...] | None = None  # None: the default list, and only what is free
    on_content_refusal: bool = False  # a refusal for content is bought again elsewhere
    conditions: tuple[Condition, ...] = ()
    default: str | None = None


Tree = Leaf | Branch


def leaves(tree: Tree) -> Iterator[Leaf]:
    """All targets that can be asked, in the order they are written."""
    if isinstance(tree, Leaf):
        yield tree
    else:
        for target in tree.targets:
            yield from leaves(target)
