"""The order of work of an edit. The two tuples below are the whole of it, from top to bottom.

A stage takes one typed value and returns the next one. A stage is skipped when the value is already further along:
a cached edit needs no provider, and a dry run ends before the call. A stage that cannot go on raises a Fault.
`REQUEST_STAGES` runs once for a request. `TARGET_STAGES` runs once for each attempt at a target, inside `run_targets`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from retouch.core.errors import Fault
from retouch.core.frozen_dataclass import replace
from retouch.core.text.safe_regex import PatternTimeExceeded, limit_pattern_time
from retouch.gateway import request_stages, target_stages
from retouch.gateway.attempt import (
    Attempt,
    CheckedAttempt,
    CheckedImages,
    DeliveredImages,
    FinishedImages,
    GeneratedImages,
    PlannedAttempt,
    PreparedAttempt,
)
from retouch.gateway.budgets import budget_stage
from retouch.gateway.rates import rate_stage
from retouch.gateway.request_stages import (
    RequestWithInputs,
    RoutedRequest,
    ValidatedRequest,
)
from retouch.gateway.result import AttemptResult, EditResult
from retouch.gateway.routing.conditions import pattern_time_error
from retouch.gateway.services import RequestContext, Services
from retouch.gateway.successor_attempt import name_replacement, successor_attempt


class Stage(NamedTuple):
    """One step of the pipeline."""

    name: str
    takes: type[Any]
    run: Callable[[Any, Services], Any]


TARGET_STAGES: tuple[Stage, ...] = (
    Stage("check request", Attempt, target_stages.check_request),
    Stage("plan", CheckedAttempt, target_stages.plan_edit),
    Stage("look up cache", PlannedAttempt, target_stages.look_up_cache),
    Stage("prepare", PlannedAttempt, target_stages.prepare_jobs),
    Stage("count request", PreparedAttempt, rate_stage.count_request),
    Stage("hold budgets", PreparedAttempt, budget_stage.hold_budgets),
    Stage("call provider", PreparedAttempt, target_stages.call_provider),
    Stage("note charge", GeneratedImages, budget_stage.note_charge),
    Stage("check images", GeneratedImages, target_stages.check_images),
    Stage("postprocess", CheckedImages, target_stages.postprocess_images),
    Stage("deliver", FinishedImages, target_stages.deliver_images),
    Stage("count images", DeliveredImages, rate_stage.count_images),
    Stage("save to cache", DeliveredImages, target_stages.save_to_cache),
)


def run_stages(stages: tuple[Stage, ...], value: object, services: Services) -> object:
    """Run the stages in order. Each stage gets the result of the previous stage."""
    for stage in stages:
        if isinstance(value, stage.takes):
            value = stage.run(value, services)
    return value


def run_attempt(attempt: Attempt, services: Services) -> AttemptResult:
    """Try one edit at one target. Return a Fault as the outcome instead of raising it.

    When the provider says that a model which it has deprecated is gone, the successor is tried at once.
    """
    result = _try_model(attempt, services)
    successor = successor_attempt(attempt, result.fault)
    return _try_model(successor, services) if successor else name_replacement(attempt, result)


def _try_model(attempt: Attempt, services: Services) -> AttemptResult:
    try:
        result = run_stages(TARGET_STAGES, attempt, services)
    except Fault as fault:
        budget_stage.end_holds(attempt, fault)
        return attempt.build_failure(fault)
    assert isinstance(result, AttemptResult), "the last stage returns an AttemptResult"
    return rate_stage.count_stream(attempt, result, services)


def run_targets(request: RoutedRequest, services: Services) -> EditResult:
    """Try the targets of a request until one succeeds or no further target may be tried."""
    return request_stages.execute_routing(request, services, run_attempt)


REQUEST_STAGES: tuple[Stage, ...] = (
    Stage("claim order", RequestContext, request_stages.claim_order),
    Stage("fetch inputs", RequestContext, request_stages.fetch_request_inputs),
    Stage("validate", RequestWithInputs, request_stages.validate_request),
    Stage("choose targets", ValidatedRequest, request_stages.choose_targets),
    Stage("run targets", RoutedRequest, run_targets),
)


def edit_image(context: RequestContext, services: Services) -> EditResult:
    """Run one edit, and write its usage events. Return a Fault as the outcome instead of raising it."""
    if services.usage is None:
        return _run_edit(context, services)
    from retouch.gateway.metering.usage_events import RequestMeter

    meter = RequestMeter(context, services)
    return meter.end(_run_edit(replace(context, meter=meter), services))


def _run_edit(context: RequestContext, services: Services) -> EditResult:
    try:
        with limit_pattern_time(services.clock.now):
            result = run_stages(REQUEST_STAGES, context, services)
    except PatternTimeExceeded:
        return EditResult(pattern_time_error())
    except Fault as fault:
        return EditResult(fault)
    assert isinstance(result, EditResult), "the last stage returns an EditResult"
    return result
