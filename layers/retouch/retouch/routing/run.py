"""Runs a tree of targets: who is asked, in what order, until one has answered.

An attempt is handed in, so nothing here knows what an edit is. A Fault of an attempt says by itself what it means
for the money: whatever may have been bought is not bought again, unless the config asks for it in words.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from retouch.breaker import ProviderDown
from retouch.clock import Clock
from retouch.errors import Billed, Fault, InvalidRequest, Moderated, RateLimited, gravest
from retouch.routing.conditions import Facts, matches
from retouch.routing.tree import FELL_BACK, Branch, Leaf, Tree

Answer = TypeVar("Answer")
_MOST_WAIT = 60.0  # seconds that are waited for one target, in all
_EXHAUSTED = -1


@dataclass(frozen=True, slots=True)
class Attempt:
    """One target that was asked, and what became of it; for headers and the log."""

    path: str
    status: int
    code: str | None = None
    billed: Billed | None = None  # of a failure; an answer's own headers say it


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Answer]):
    """The answer, or the Fault that is one, and the way to it. A Fault's `billed` is the gravest on that way."""

    found: Answer | Fault
    leaf: Leaf
    retries: int  # 0 none, n it was the nth, -1 all were used up
    attempts: tuple[Attempt, ...]


@dataclass(frozen=True, slots=True)
class Run(Generic[Answer]):
    """What a run needs: the attempt, the request's facts for conditions, and time."""

    attempt: Callable[[Leaf], Answer]
    facts: Facts
    clock: Clock
    deadline: float

    def tree(self, tree: Tree) -> Outcome[Answer]:
        """Ask until there is an answer, or nobody is left who may be asked. A Fault is returned, not raised."""
        outcome = self._leaf(tree) if isinstance(tree, Leaf) else self._branch(tree)
        if isinstance(outcome.found, Fault):
            outcome.found.billed = gravest(one.billed for one in outcome.attempts if one.billed)
        return outcome

    def _branch(self, branch: Branch) -> Outcome[Answer]:
        try:
            targets = self._chosen(branch)
        except InvalidRequest as nowhere:
            return Outcome(nowhere, Leaf(branch.path), 0, ())
        attempts: tuple[Attempt, ...] = ()
        for target in targets:
            outcome = self.tree(target)
            attempts += outcome.attempts
            if not self._falls_back(branch, outcome.found):
                break
        return replace(outcome, attempts=attempts)

    def _chosen(self, branch: Branch) -> tuple[Tree, ...]:
        """The targets that may be asked, in turn."""
        if branch.mode == "loadbalance":
            return (weighted(branch, self.clock.chance()),)
        if branch.mode == "conditional":
            return (conditional(branch, self.facts),)
        return branch.targets if branch.mode == "fallback" else branch.targets[:1]

    def _falls_back(self, branch: Branch, found: Answer | Fault) -> bool:
        if branch.mode != "fallback" or not isinstance(found, Fault):
            return False
        if self.clock.now() >= self.deadline:
            return False
        if isinstance(found, Moderated):
            return branch.on_content_refusal
        if branch.on_status_codes is not None:
            return _listed(found, branch.on_status_codes)
        return found.billed == "no" and _listed(found, FELL_BACK)

    def _leaf(self, leaf: Leaf) -> Outcome[Answer]:
        attempts: list[Attempt] = []
        waited = 0.0
        while True:
            found = self._once(leaf)
            attempts.append(_told(leaf, found))
            retries = len(attempts) - 1
            if not isinstance(found, Fault):
                return Outcome(found, leaf, retries, tuple(attempts))
            wait = _again(leaf, found, retries)
            if wait is None or waited + wait > _MOST_WAIT:
                break
            if self.clock.now() + wait >= self.deadline:
                break
            self.clock.sleep(wait)
            waited += wait
        used_up = 0 < leaf.retry.attempts == retries
        return Outcome(found, leaf, _EXHAUSTED if used_up else retries, tuple(attempts))

    def _once(self, leaf: Leaf) -> Answer | Fault:
        try:
            return self.attempt(leaf)
        except Fault as fault:
            return fault


def weighted(branch: Branch, chance: float) -> Tree:
    """The target that `chance` (0 <= chance < 1) falls on."""
    left = chance * sum(branch.weights)
    for target, weight in zip(branch.targets, branch.weights, strict=True):
        left -= weight
        if left < 0:
            return target
    # Rounding may leave a crumb, which is the last one's that can be chosen at all.
    return [t for t, weight in zip(branch.targets, branch.weights, strict=True) if weight][-1]


def conditional(branch: Branch, facts: Facts) -> Tree:
    """The target of the first condition that matches, else the default. InvalidRequest where there is neither."""
    named = {target.name: target for target in branch.targets}
    for condition in branch.conditions:
        if matches(condition.query, facts):
            return named[condition.then]
    if branch.default is None:
        raise InvalidRequest(
            "No condition of the config matches this request and it has no default. Add strategy.default.",
            param="x-portkey-config",
            code="no_target_matches",
        )
    return named[branch.default]


def _again(leaf: Leaf, fault: Fault, retries: int) -> float | None:
    """Seconds until the target is asked again; None where it must not be."""
    retry = leaf.retry
    if retries >= retry.attempts or not _listed(fault, retry.on_status_codes):
        return None
    if fault.retryable is False:
        return None
    if fault.billed != "no" and not retry.may_buy_twice:
        return None
    usual, wanted = 2.0**retries, fault.retry_after
    if isinstance(
        fault, ProviderDown
    ):  # nobody is asked before then, so no wait is begun that ends earlier
        return usual if (wanted or 0.0) <= usual else None
    heeded = retry.use_retry_after and isinstance(fault, RateLimited)
    return wanted if heeded and wanted is not None else usual


def _listed(fault: Fault, codes: tuple[int, ...]) -> bool:
    """Whether the config means this one: by the status the caller would see, or the one the provider gave."""
    return fault.status in codes or fault.upstream_status in codes


def _told(leaf: Leaf, found: object) -> Attempt:
    if isinstance(found, Fault):
        return Attempt(leaf.path, found.status, found.code, found.billed)
    return Attempt(leaf.path, 200)
