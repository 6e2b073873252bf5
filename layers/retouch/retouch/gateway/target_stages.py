"""The stages that run for each attempt at a target. `retouch.gateway.pipeline` lists them in order."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from retouch.core.client_credentials import ClientCredentials
from retouch.core.edit_types import EditRequest, GeneratedImage
from retouch.core.errors import Billed, DeadlineExceeded, Fault, NotStored, RequestTimeout
from retouch.core.heartbeat import with_heartbeat
from retouch.core.pricing import edit_cost
from retouch.core.provider_protocol import CompletedImage, PartialImage, ProviderJob
from retouch.core.resolved_model import ResolvedModel
from retouch.core.settings import Settings
from retouch.core.usage import token_counts
from retouch.gateway import cache
from retouch.gateway.cache import CacheEntry
from retouch.gateway.circuit_breaker import track_call
from retouch.gateway.delivery import deliver
from retouch.gateway.guardrails import stage as guardrails
from retouch.gateway.guardrails.types import GuardrailClients, GuardrailInput, Guardrails
from retouch.gateway.postprocess import ProcessedEdit, postprocess, postprocess_all
from retouch.gateway.prepare import prepare_job
from retouch.gateway.provider_call.attempt_log import AttemptLog
from retouch.gateway.provider_call.jobs import JobRunner
from retouch.gateway.result import (
    AttemptResult,
    DeliveredEdit,
    EditPreview,
    EditStream,
    StreamedImage,
)
from retouch.gateway.routing.tree import Target
from retouch.gateway.services import RequestContext, Services
from retouch.gateway.signed_links import link_builder
from retouch.planning.connection import require_connection
from retouch.planning.model_catalogue import generative_models
from retouch.planning.output_rules import Delivery
from retouch.planning.plan import Plan, make_plan


@dataclass(frozen=True, slots=True)
class TargetRequest:
    """One target of a request, with everything that the gateway needs before the attempt."""

    target: Target
    request: EditRequest  # with the target's model and override_params
    credentials: ClientCredentials  # as the provider of this target may see them
    guardrails: Guardrails
    cache_partition: str
    # Connected, unless there is a `fault`. None: there is no such model.
    model: ResolvedModel | None
    fault: Fault | None = None  # the reason why the target cannot be tried


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at one target."""

    context: RequestContext
    settings: Settings  # with the secrets
    target: TargetRequest
    clients: GuardrailClients
    client_timeout: float  # seconds that the caller or the config allows for an attempt
    client_deadline: float  # the same time as a value of the clock
    log: AttemptLog

    @property
    def max_retry_wait(self) -> float:
        """The longest Retry-After to wait for, in seconds. The retries of a config replace the gateway's own."""
        return 0.0 if self.target.target.retry.attempts else self.settings.max_retry_wait

    def build_failure(self, fault: Fault) -> AttemptResult:
        """Return the result of a failed attempt. A deadline that the caller set becomes a RequestTimeout."""
        if isinstance(fault, DeadlineExceeded) and self.client_deadline <= self.context.deadline:
            fault = RequestTimeout(self.client_timeout, fault.billed)
        return AttemptResult(fault, self.log.report())


@dataclass(frozen=True, slots=True)
class CheckedAttempt:
    """An attempt whose request passed the guardrails."""

    attempt: Attempt
    guardrail_input: GuardrailInput


@dataclass(frozen=True, slots=True)
class PlannedAttempt:
    """An attempt with its plan."""

    checked: CheckedAttempt
    plan: Plan
    cache_key: str = ""  # the key under which the result is saved; empty: not saved

    @property
    def attempt(self) -> Attempt:
        """The attempt."""
        return self.checked.attempt


@dataclass(frozen=True, slots=True)
class PreparedAttempt:
    """A planned attempt whose image files are ready to be sent."""

    planned: PlannedAttempt
    jobs: tuple[ProviderJob, ...]


@dataclass(frozen=True, slots=True)
class GeneratedImages:
    """The images from the provider or the cache."""

    planned: PlannedAttempt
    images: Sequence[GeneratedImage]
    billed: Billed
    notes: tuple[str, ...] = ()
    cached: CacheEntry | None = None


@dataclass(frozen=True, slots=True)
class CheckedImages:
    """Images that passed the guardrails."""

    generated: GeneratedImages


@dataclass(frozen=True, slots=True)
class FinishedImages:
    """Images in the geometry and format that the plan requires."""

    generated: GeneratedImages
    result: ProcessedEdit


@dataclass(frozen=True, slots=True)
class DeliveredImages:
    """Images as base64 or links."""

    finished: FinishedImages
    edit: DeliveredEdit


def check_request(attempt: Attempt, services: Services) -> CheckedAttempt:
    """Run the guardrails that check the request. Raises HooksFailed when one of them denies it."""
    target, portkey = attempt.target, attempt.context.portkey
    guardrails.check_streaming(target.guardrails, target.request)
    subject = guardrails.describe_request(
        target.guardrails, target.request, portkey.metadata, services.providers
    )
    report = guardrails.check_request(target.guardrails, subject, attempt.clients, portkey.strict)
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
    if policy is None or request.stream or request.dry_run:
        return planned
    plan, partition = planned.plan, attempt.target.cache_partition
    key = cache.cache_key(plan, plan.jobs, partition, portkey.cache_namespace)
    status, entry = cache.lookup_entry(
        services.cache, key, policy.max_age, refresh=portkey.force_refresh
    )
    attempt.log.set_cache_status(status)
    if entry is None:
        return replace(planned, cache_key=key)
    # Cached images are finished and need no processing.
    plan = replace(plan, delivery=Delivery(plan.delivery.response_format))
    return GeneratedImages(replace(planned, plan=plan), entry.images, "no", cached=entry)


def prepare_jobs(planned: PlannedAttempt, _: Services) -> PreparedAttempt | AttemptResult:
    """Prepare the image files for the provider. A dry run ends here. Raises InvalidRequest."""
    plan = planned.plan
    jobs = tuple(prepare_job(job, plan.resolved.serving) for job in plan.jobs)
    if planned.attempt.target.request.dry_run:
        return AttemptResult(EditPreview(plan, jobs), planned.attempt.log.report())
    return PreparedAttempt(planned, jobs)


def call_provider(prepared: PreparedAttempt, services: Services) -> GeneratedImages | AttemptResult:
    """Call the provider. A stream returns with its first event. Raises Fault."""
    planned, attempt = prepared.planned, prepared.planned.attempt
    require_remaining_time(planned.plan, attempt, services)
    runner = _job_runner(planned, services)
    tracking = track_call(services.breaker, planned.plan.resolved.circuit, runner.is_client_timeout)
    if attempt.target.request.stream:
        return _start_stream(prepared, tracking, runner, services)
    with tracking:
        outcome = runner.run_all(prepared.jobs)
    notes = outcome.shortfall_notes(attempt.target.request.n)
    return GeneratedImages(planned, outcome.images, _billing(planned.plan), notes)


def check_images(generated: GeneratedImages, _: Services) -> CheckedImages:
    """Run the guardrails that check the images. Raises HooksFailed when one of them denies an image."""
    attempt, checked = generated.planned.attempt, generated.planned.checked
    report = guardrails.check_images(
        attempt.target.guardrails,
        checked.guardrail_input,
        generated.images,
        attempt.clients,
        attempt.log.hooks,
    )
    attempt.log.set_hooks(report)
    guardrails.require_permission(report, billed=generated.billed)
    return CheckedImages(generated)


def postprocess_images(checked: CheckedImages, _: Services) -> FinishedImages:
    """Bring the images into the geometry and format that the plan requires. Raises UpstreamError."""
    generated = checked.generated
    result = postprocess_all(generated.images, generated.planned.plan.delivery)
    if generated.cached:
        result = replace(result, preserved_pixels=generated.cached.preserved_pixels)
    return FinishedImages(generated, result)


def deliver_images(finished: FinishedImages, services: Services) -> DeliveredImages:
    """Convert the images to base64 or links. Raises NotStored when neither is possible."""
    generated, result = finished.generated, finished.result
    plan, attempt = generated.planned.plan, generated.planned.attempt
    settings, now = attempt.settings, services.clock.unix_time()
    expires_at = now + settings.result_url_seconds
    pepper = settings.environment.get("RETOUCH_PEPPER", "")
    base_url = settings.base_url or attempt.context.base_url
    build_link = link_builder(base_url, pepper, expires_at, now, services.bucket.sign)
    try:
        data = deliver(
            result, plan.delivery, services.bucket, build_link, attempt.context.max_response_bytes
        )
    except NotStored as fault:
        raise fault.with_billing(generated.billed) from None
    usage, cached = result.metadata.get("usage"), generated.cached
    cost = edit_cost(plan.resolved.serving, result.images_billed, usage, len(plan.jobs))
    edit = DeliveredEdit(
        plan=plan,
        created=now,
        images=data.images,
        metadata=result.metadata,
        notes=(*plan.notes, *generated.notes, *result.notes, *data.notes),
        billed=generated.billed,
        cost=None if cached else cost,
        preserved_pixels=result.preserved_pixels,
        url_expires_at=expires_at if data.is_linked else None,
    )
    return DeliveredImages(finished, edit)


def save_to_cache(delivered: DeliveredImages, services: Services) -> AttemptResult:
    """Save the images if the config enables the cache and no image is missing."""
    planned, result = delivered.finished.generated.planned, delivered.finished.result
    attempt = planned.attempt
    policy = attempt.target.target.cache
    if policy and planned.cache_key and len(result.images) == attempt.target.request.n:
        entry = CacheEntry(result.images, result.preserved_pixels)
        cache.save_entry(services.cache, planned.cache_key, entry, policy.max_age)
    return AttemptResult(delivered.edit, attempt.log.report())


def require_remaining_time(plan: Plan, attempt: Attempt, services: Services) -> None:
    """Raise DeadlineExceeded when too little time remains for a paid call."""
    remaining = attempt.context.deadline - services.clock.now()
    if plan.resolved.provider.is_paid and remaining < attempt.settings.min_call_seconds:
        raise DeadlineExceeded(
            f"Only {max(remaining, 0):.1f} s are left, which is not enough time for an edit. Send it again.",
            billed="no",
        )


def _billing(plan: Plan) -> Billed:
    """Return the billing status of an edit that the provider accepted."""
    return "yes" if plan.resolved.provider.is_paid else "no"


def _job_runner(planned: PlannedAttempt, services: Services) -> JobRunner:
    attempt = planned.attempt
    return JobRunner(
        resolved=planned.plan.resolved,
        send=attempt.log.wrap_send(services.send),
        clock=services.clock,
        deadline=attempt.context.deadline,
        client_deadline=attempt.client_deadline,
        max_retry_wait=attempt.max_retry_wait,
        suggest_models=lambda: generative_models(services.providers, services.clock.today()),
    )


def _start_stream(
    prepared: PreparedAttempt,
    tracking: AbstractContextManager[None],
    runner: JobRunner,
    services: Services,
) -> AttemptResult:
    """Wait for the first event, so that a failure before it determines the HTTP status."""
    planned, attempt = prepared.planned, prepared.planned.attempt
    interval = min(attempt.settings.heartbeat_seconds, attempt.context.max_silence)
    events = with_heartbeat(_stream_images(prepared, tracking, runner), interval)
    first = next(events)
    images = _prepend_image(first, events)
    plan, created = planned.plan, services.clock.unix_time()
    stream = EditStream(plan, created, images, _billing(plan))
    return AttemptResult(stream, attempt.log.report())


def _prepend_image(
    first: StreamedImage | None, later: Iterator[StreamedImage | None]
) -> Iterator[StreamedImage | None]:
    yield first
    yield from later


def _stream_images(
    prepared: PreparedAttempt, tracking: AbstractContextManager[None], runner: JobRunner
) -> Generator[StreamedImage, None, None]:
    plan = prepared.planned.plan
    with tracking:
        for job in prepared.jobs:
            for step in runner.run(job):
                yield _streamed_image(step, plan)


def _streamed_image(step: PartialImage | CompletedImage, plan: Plan) -> StreamedImage:
    processed = postprocess(step.image, plan.delivery)
    if isinstance(step, PartialImage):
        return StreamedImage(processed.image, step.index)
    untouched = plan.delivery.untouched_pixels
    return StreamedImage(
        processed.image,
        preserved_pixels=untouched
        if processed.preserved_pixels is None
        else processed.preserved_pixels,
        cost=edit_cost(
            plan.resolved.serving, 1, token_counts(processed.image.metadata.get("usage"))
        ),
        notes=processed.notes,
    )
