"""Execution of a routing tree: it tries the targets in order until one of them succeeds.

The attempt is a parameter, so this module does not depend on what an edit is. A Fault says whether the attempt may
have been billed. A call that may have been billed is not repeated, unless the config allows that explicitly.
"""

from __future__ import annotations

from collections.abc import Callable

from retouch.core.clock import Clock
from retouch.core.errors import Billed, Fault, InvalidRequest, Moderated, RateLimited, worst_billing
from retouch.core.frozen_dataclass import frozen_dataclass, replace
from retouch.gateway.circuit_breaker import ProviderDown
from retouch.gateway.result import AttemptRecord, AttemptResult
from retouch.gateway.routing.conditions import RequestAttributes, matches_query
from retouch.gateway.routing.tree import DEFAULT_FALLBACK_CODES, RoutingTree, Target, TargetGroup
from retouch.tenants.budget_errors import BudgetExceeded

_MAX_WAIT_SECONDS = 60.0  # total wait between the attempts at one target
_RETRIES_EXHAUSTED = -1


@frozen_dataclass
class RoutingOutcome:
    """The result of the last attempt, and all attempts."""

    result: AttemptResult
    target: Target
    retries: int  # 0: none; n: the nth retry was the last; -1: all retries were used
    attempts: tuple[AttemptRecord, ...]

    @property
    def billing(self) -> Billed:
        """The worst billing status of all attempts."""
        return worst_billing(record.billed for record in self.attempts)


@frozen_dataclass
class RoutingExecutor:
    """The executor of a routing tree, with the attempt function, the attributes, the clock and the deadline."""

    attempt_target: Callable[[Target], AttemptResult]
    attributes: RequestAttributes
    clock: Clock
    deadline: float

    def execute(self, tree: RoutingTree) -> RoutingOutcome:
        """Try targets until one succeeds or none is left. The fault of a failure says the worst billing status."""
        outcome = self._run_target(tree) if isinstance(tree, Target) else self._run_group(tree)
        return replace(outcome, result=outcome.result.with_billing(outcome.billing))

    def _run_group(self, group: TargetGroup) -> RoutingOutcome:
        try:
            targets = self._select_targets(group)
        except InvalidRequest as fault:
            return RoutingOutcome(AttemptResult(fault), Target(group.path), 0, ())
        attempts: tuple[AttemptRecord, ...] = ()
        for target in targets:
            outcome = self.execute(target)
            attempts += outcome.attempts
            if not self._should_fall_back(group, outcome.result.fault):
                break
        return replace(outcome, attempts=attempts)

    def _select_targets(self, group: TargetGroup) -> tuple[RoutingTree, ...]:
        """Return the targets to try, in order."""
        if group.mode == "loadbalance":
            return (select_weighted(group, self.clock.random_fraction()),)
        if group.mode == "conditional":
            return (select_conditional(group, self.attributes),)
        return group.targets if group.mode == "fallback" else group.targets[:1]

    def _should_fall_back(self, group: TargetGroup, fault: Fault | None) -> bool:
        if group.mode != "fallback" or fault is None:
            return False
        if self.clock.now() >= self.deadline:
            return False
        if isinstance(fault, BudgetExceeded):
            return True  # the next target may have a budget of its own, or cost less
        if isinstance(fault, Moderated):
            return group.on_content_refusal
        if group.on_status_codes is not None:
            return _matches_status(fault, group.on_status_codes)
        return fault.billed == "no" and _matches_status(fault, DEFAULT_FALLBACK_CODES)

    def _run_target(self, target: Target) -> RoutingOutcome:
        attempts: list[AttemptRecord] = []
        total_wait = 0.0
        while True:
            result = self.attempt_target(target)
            attempts.append(
                AttemptRecord(target.path, result.status, result.code, result.outcome.billed)
            )
            retries = len(attempts) - 1
            if result.fault is None:
                return RoutingOutcome(result, target, retries, tuple(attempts))
            wait = _retry_delay(target, result.fault, retries)
            if wait is None or total_wait + wait > _MAX_WAIT_SECONDS:
                break
            if self.clock.now() + wait >= self.deadline:
                break
            self.clock.sleep(wait)
            total_wait += wait
        retries_exhausted = 0 < target.retry.attempts == retries
        # Only one of the gateway and the SDK retries. Otherwise, their retries would multiply.
        return RoutingOutcome(
            result.without_retry() if retries else result,
            target,
            _RETRIES_EXHAUSTED if retries_exhausted else retries,
            tuple(attempts),
        )


def select_weighted(group: TargetGroup, chance: float) -> RoutingTree:
    """Return the target for the random number `chance` (0 <= chance < 1), by weight."""
    remaining = chance * sum(group.weights)
    for target, weight in zip(group.targets, group.weights, strict=True):
        remaining -= weight
        if remaining < 0:
            return target
    # Rounding may leave a small rest. It belongs to the last target with a weight above 0.
    return [
        candidate for candidate, weight in zip(group.targets, group.weights, strict=True) if weight
    ][-1]


def select_conditional(group: TargetGroup, attributes: RequestAttributes) -> RoutingTree:
    """Return the target of the first condition that matches, or the default. Raises InvalidRequest without either."""
    targets_by_name = {target.name: target for target in group.targets}
    for condition in group.conditions:
        if matches_query(condition.query, attributes):
            return targets_by_name[condition.then]
    if group.default is None:
        raise InvalidRequest(
            "No condition of the config matches this request and the config has no default. Add strategy.default.",
            param="x-portkey-config",
            code="no_target_matches",
        )
    return targets_by_name[group.default]


def _retry_delay(target: Target, fault: Fault, retries: int) -> float | None:
    """Return the seconds to wait before the next attempt, or None when there must be none."""
    retry = target.retry
    if retries >= retry.attempts or not _matches_status(fault, retry.on_status_codes):
        return None
    if fault.retryable is False:
        return None
    if fault.billed != "no" and not retry.may_buy_twice:
        return None
    backoff, retry_after = 2.0**retries, fault.retry_after
    # The circuit breaker refuses attempts until `retry_after`, so a shorter wait would be useless.
    if isinstance(fault, ProviderDown):
        return backoff if (retry_after or 0.0) <= backoff else None
    honours_retry_after = retry.use_retry_after and isinstance(fault, RateLimited)
    return retry_after if honours_retry_after and retry_after is not None else backoff


def _matches_status(fault: Fault, codes: tuple[int, ...]) -> bool:
    """Return whether the fault's status, or the provider's own status, is one of the codes."""
    return fault.status in codes or fault.upstream_status in codes
