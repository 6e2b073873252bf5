"""The stages that run for each attempt at a target. `retouch.gateway.pipeline` lists them in order."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from retouch.core.errors import Billed, DeadlineExceeded, NotStored
from retouch.core.frozen_dataclass import replace
from retouch.core.pricing import edit_cost
from retouch.core.provider_protocol import ProviderJob
from retouch.gateway import cache
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
from retouch.gateway.cache import CacheEntry
from retouch.gateway.circuit_breaker import track_call
from retouch.gateway.guardrails import stage as guardrails
from retouch.gateway.prepare import keep_original, prepare_files, read_original
from retouch.gateway.provider_call.conversation import ImageStream
from retouch.gateway.provider_call.jobs import JobRunner
from retouch.gateway.provider_call.purchases import Purchases
from retouch.gateway.result import (
    AttemptResult,
    DeliveredEdit,
    EditPreview,
    EditStream,
)
from retouch.gateway.results.decoded_original import DecodedOriginal, start_preparation
from retouch.gateway.results.delivery import deliver
from retouch.gateway.results.early_storage import EarlyStorage
from retouch.gateway.results.postprocess import postprocess_all
from retouch.gateway.results.result_links import ResultLinks
from retouch.gateway.results.signed_links import link_builder
from retouch.gateway.results.streaming import start_stream
from retouch.gateway.services import Services
from retouch.gateway.time_budget import finishing_seconds, processing_seconds
from retouch.planning.connection import require_connection
from retouch.planning.model_catalogue import generative_models
from retouch.planning.output_rules import ImageDelivery
from retouch.planning.plan import Plan, make_plan

if TYPE_CHECKING:
    pass


def check_request(attempt: Attempt, services: Services) -> CheckedAttempt:
    """Run the guardrails that check the request. Raises HooksFailed when one of them denies it."""
    target, portkey = attempt.target, attempt.context.portkey
    guardrails.check_streaming(target.guardrails, target.request)
    subject = guardrails.describe_request(
        target.guardrails, target.request, portkey.metadata, services.providers
    )
    # Half of the time stays for the call, because a hook that does not respond must not prevent it.
    time = attempt.time_budget(services.clock)
    clients = replace(
        attempt.clients, deadline=time.deadline, reserved_seconds=time.remaining() / 2
    )
    report = guardrails.check_request(target.guardrails, subject, clients, portkey.strict)
    attempt.log.set_hooks(report)
    guardrails.require_permission(report, billed="no")
    return CheckedAttempt(attempt, subject)


def plan_edit(checked: CheckedAttempt, _: Services) -> PlannedAttempt:
    """Fit the request to the model. Raises InvalidRequest when it does not fit."""
    attempt, target = checked.attempt, checked.attempt.target
    if target.model:
        attempt.log.set_model(target.model)
    if target.fault or target.model is None:
        raise target.fault or AssertionError("a target has a model or a fault")
    model = target.model if target.request.dry_run else require_connection(target.model)
    return PlannedAttempt(checked, make_plan(model, target.request, attempt.settings))


def look_up_cache(planned: PlannedAttempt, services: Services) -> PlannedAttempt | GeneratedImages:
    """Get the images from the cache if the config enables it and the cache has them."""
    attempt, request = planned.attempt, planned.attempt.target.request
    policy, portkey = attempt.target.target.cache, attempt.context.portkey
    if policy is None or request.stream or request.dry_run or attempt.context.is_plan_only:
        return planned
    plan, partition = planned.plan, attempt.target.cache_partition
    key = cache.cache_key(plan, plan.jobs, partition, portkey.cache_namespace)
    time = attempt.time_budget(services.clock)
    status, entry = cache.lookup_entry(
        services.cache, key, policy.max_age, time, refresh=portkey.force_refresh
    )
    attempt.log.set_cache_status(status)
    if entry is None:
        return replace(planned, cache_key=key)
    # Cached images are finished and need no processing.
    plan = replace(plan, delivery=ImageDelivery(plan.delivery.response_format))
    return GeneratedImages(replace(planned, plan=plan), entry.images, "no", cached=entry)


def prepare_jobs(planned: PlannedAttempt, _: Services) -> PreparedAttempt | AttemptResult:
    """Prepare the image files for the provider. A dry run ends here. Raises InvalidRequest."""
    plan = planned.plan
    original = read_original(plan)
    jobs = prepare_files(plan, original)
    if planned.attempt.target.request.dry_run:
        return AttemptResult(EditPreview(plan, jobs), planned.attempt.log.report())
    return PreparedAttempt(planned, jobs, keep_original(original))


def call_provider(prepared: PreparedAttempt, services: Services) -> GeneratedImages | AttemptResult:
    """Call the provider. A stream returns with its first event. Raises Fault."""
    planned, attempt = prepared.planned, prepared.planned.attempt
    if not attempt.context.is_paid_for:
        require_remaining_time(planned.plan, attempt, services)
    runner = _job_runner(planned, services)
    has_circuit = attempt.settings.breaker_enabled and not attempt.context.is_paid_for
    circuit = planned.plan.resolved.circuit if has_circuit else ""
    tracking = track_call(services.breaker, circuit, runner.is_client_timeout)
    original = start_preparation(prepared.original, planned.plan.delivery)
    if attempt.target.request.stream:
        return _start_stream(prepared, original, tracking, runner, services)
    with tracking:
        outcome = runner.run_all(prepared.jobs)
    notes, billed = outcome.shortfall_notes(attempt.target.request.n), _billing(planned.plan)
    return GeneratedImages(planned, outcome.images, billed, notes, original=original)


def check_images(generated: GeneratedImages, services: Services) -> CheckedImages:
    """Run the guardrails that check the images. Raises HooksFailed when one of them denies an image."""
    planned, attempt = generated.planned, generated.planned.attempt
    with generated.explain_errors():
        results = guardrails.check_images(
            attempt.target.guardrails,
            planned.checked.guardrail_input,
            generated.images,
            attempt.clients,
            attempt.log.hooks,
            attempt.time_budget(services.clock),
            finishing_seconds(planned.plan.delivery, len(generated.images)),
        )
    attempt.log.set_hooks(results.report)
    guardrails.require_permission(results.report, billed=generated.billed)
    return CheckedImages(generated, results.images, results.notes)


def postprocess_images(checked: CheckedImages, services: Services) -> FinishedImages:
    """Bring the images into the geometry and format that the plan requires. Raises UpstreamError."""
    generated = checked.generated
    planned = generated.planned
    links = _result_links(planned.attempt, services)
    time = planned.attempt.time_budget(services.clock)
    with generated.explain_errors():
        result = postprocess_all(
            checked.images,
            planned.plan.delivery,
            time,
            original=generated.original,
            billed_images=generated.images,
            release=EarlyStorage(
                links, time, len(checked.images), processing_seconds(planned.plan.delivery)
            ),
        )
    if checked.notes:
        result = replace(result, notes=(*checked.notes, *result.notes), is_complete=False)
    if generated.cached:
        result = replace(result, preserved_pixels=generated.cached.preserved_pixels)
    return FinishedImages(replace(generated, original=None), result, links)


def deliver_images(finished: FinishedImages, services: Services) -> DeliveredImages:
    """Convert the images to base64 or links. Raises NotStored when neither is possible."""
    generated, result = finished.generated, finished.result
    plan, attempt = generated.planned.plan, generated.planned.attempt
    time, max_bytes = attempt.time_budget(services.clock), attempt.context.max_response_bytes
    try:
        with generated.explain_errors():
            data = deliver(result, plan.delivery, finished.links, max_bytes, time)
    except NotStored as fault:
        raise fault.with_billing(generated.billed) from None
    usage, cached = result.metadata.get("usage"), generated.cached
    cost = edit_cost(plan.resolved.serving, plan.jobs, generated.images, usage)
    edit = DeliveredEdit(
        plan=plan,
        created=services.clock.unix_time(),
        images=data.images,
        metadata={**result.metadata, **data.metadata},
        notes=(*plan.notes, *generated.notes, *result.notes, *data.notes),
        billed=generated.billed,
        cost=None if cached else cost,
        preserved_pixels=data.preserved_pixels(result),
        url_expires_at=finished.links.expires_at if data.is_linked else None,
    )
    return DeliveredImages(finished, edit)


def save_to_cache(delivered: DeliveredImages, services: Services) -> AttemptResult:
    """Save the images if the config enables the cache and every image is as the plan requires."""
    planned, result = delivered.finished.generated.planned, delivered.finished.result
    attempt = planned.attempt
    policy = attempt.target.target.cache
    is_complete = result.is_complete and len(result.images) == attempt.target.request.n
    if policy and planned.cache_key and is_complete:
        entry = CacheEntry(result.images, result.preserved_pixels)
        time = attempt.time_budget(services.clock)
        cache.save_entry(services.cache, planned.cache_key, entry, policy.max_age, time)
    return AttemptResult(delivered.edit, attempt.log.report())


def require_remaining_time(plan: Plan, attempt: Attempt, services: Services) -> None:
    """Raise DeadlineExceeded when too little time remains for a paid call and the work on even one of its images."""
    remaining = attempt.time_budget(services.clock).remaining()
    work_seconds = processing_seconds(plan.delivery)
    if (
        plan.resolved.provider.is_paid
        and remaining < attempt.settings.min_call_seconds + work_seconds
    ):
        work = f" and {work_seconds:.1f} s of work on each image" if work_seconds >= 1 else ""
        raise DeadlineExceeded(
            f"Only {remaining:.1f} s are left, which is not enough time for an edit{work}. Send it again.",
            billed="no",
        )


def _result_links(attempt: Attempt, services: Services) -> ResultLinks:
    settings, now = attempt.settings, services.clock.unix_time()
    expires_at = now + settings.result_url_seconds
    pepper = settings.environment.get("RETOUCH_PEPPER", "")
    base_url = settings.base_url or attempt.context.base_url
    build_link = link_builder(base_url, pepper, expires_at, now, services.bucket.sign)
    return ResultLinks(services.bucket, build_link, expires_at, attempt.context.result_folder)


def _billing(plan: Plan) -> Billed:
    """Return the billing status of an edit that the provider accepted."""
    return "yes" if plan.resolved.provider.is_paid else "no"


def _job_runner(planned: PlannedAttempt, services: Services) -> JobRunner:
    attempt, held = planned.attempt, planned.attempt.context.held_order
    return JobRunner(
        resolved=planned.plan.resolved,
        send=attempt.log.wrap_send(services.send, planned.plan),
        clock=services.clock,
        deadline=attempt.context.deadline,
        client_deadline=attempt.client_deadline,
        max_retry_wait=attempt.max_retry_wait,
        suggest_models=lambda: generative_models(services.providers, services.clock.today()),
        purchases=Purchases(held, attempt.target.target.path) if held else None,
    )


def _start_stream(
    prepared: PreparedAttempt,
    original: DecodedOriginal | None,
    tracking: AbstractContextManager[None],
    runner: JobRunner,
    services: Services,
) -> AttemptResult:
    """Wait for the first event, so that a failure before it determines the HTTP status."""
    planned, attempt = prepared.planned, prepared.planned.attempt
    interval = min(attempt.settings.heartbeat_seconds, attempt.context.max_silence)
    time = attempt.time_budget(services.clock)
    steps = _run_jobs(prepared.jobs, tracking, runner)
    images = start_stream(steps, planned.plan, time, interval, original)
    plan, created = planned.plan, services.clock.unix_time()
    stream = EditStream(plan, created, images, _billing(plan))
    return AttemptResult(stream, attempt.log.report())


def _run_jobs(
    jobs: Sequence[ProviderJob], tracking: AbstractContextManager[None], runner: JobRunner
) -> ImageStream:
    with tracking:
        for index, job in enumerate(jobs):
            yield from runner.run(job, index)
