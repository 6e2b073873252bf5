"""One attempt at one target: resolve, plan, prepare, call, normalise, respond. The corridor's second half.

Which targets are tried, and in what order, is routing's business; here it is done once.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from typing import Any

from retouch.api.response import sse
from retouch.api.response.dry_run import dry_run_response
from retouch.api.response.edit import (
    ResponseMeta,
    plan_headers,
    plan_log_fields,
    stream_metadata,
    success_response,
)
from retouch.core.errors import DeadlineExceeded, Fault, NotStored, Refused
from retouch.core.heartbeat import with_heartbeat
from retouch.core.http import HttpResponse
from retouch.core.models import EditRequest, GeneratedImage
from retouch.core.provider_protocol import (
    CompletedImage,
    PartialImage,
    ProviderJob,
    ProviderRequest,
    ProviderResponse,
)
from retouch.core.resolved_model import ResolvedModel
from retouch.gateway.cache import CacheEntry, cache_key, lookup_entry, save_entry
from retouch.gateway.circuit_tracking import circuit_name, track_call
from retouch.gateway.delivery import deliver_images
from retouch.gateway.guardrails.stage import GuardrailRun
from retouch.gateway.postprocess import Result, postprocess, postprocess_all
from retouch.gateway.prepare import prepare_job
from retouch.gateway.provider_call.attempt_log import AttemptLog
from retouch.gateway.provider_call.conversation import run_conversation
from retouch.gateway.provider_call.parallel import FanoutResult, run_parallel
from retouch.gateway.provider_call.retry_policy import SendToProvider, with_retries
from retouch.gateway.routing.tree import CachePolicy
from retouch.gateway.services import RequestContext, Services
from retouch.gateway.signed_links import link_builder
from retouch.planning.connection import require_connection, resolve_connection
from retouch.planning.model_catalogue import generative_models
from retouch.planning.model_resolution import resolve_model
from retouch.planning.output import Delivery
from retouch.planning.plan import Plan, make_plan

NEEDS_GENERATIVE_MODEL = "unsupported_operation"  # said by models that only move, filter and fill
_MAX_SUGGESTED_MODELS = 4


@dataclass(frozen=True, slots=True)
class Attempt:
    """One wish at one target, with what stands around it."""

    request: EditRequest
    context: RequestContext
    guardrail_run: GuardrailRun
    cache_policy: (
        CachePolicy | None
    )  # whether it may be answered from the store, and how old such an answer may be
    cache_partition: str  # whose answers those are


def run_attempt(attempt: Attempt, services: Services) -> HttpResponse:
    """One edit at one target, from wish to answer. Raises Fault, nothing else."""
    credentials, today = attempt.context.credentials, services.clock.today()
    resolved = resolve_model(
        attempt.request.model, credentials, services.providers, services.settings, today
    )
    attempt_log = AttemptLog(resolved.provider.name)
    recording_services = replace(services, send=attempt_log.wrap_send(services.send))
    try:
        response = lookup_or_call(
            resolve_connection(resolved, credentials, services.settings),
            attempt,
            recording_services,
            attempt_log,
        )
    except Fault as fault:
        fault.headers = {**fault.headers, **attempt_log.headers}
        model_fields = {"provider": resolved.provider.name, "model": resolved.serving.id}
        fault.log_fields = {**model_fields, **fault.log_fields}
        raise
    return replace(response, headers={**response.headers, **attempt_log.headers})


def lookup_or_call(
    resolved: ResolvedModel, attempt: Attempt, services: Services, attempt_log: AttemptLog
) -> HttpResponse:
    """The answer from the store where one may be and is there, else from the provider."""
    request, portkey = attempt.request, attempt.context.portkey
    plan = make_plan(
        resolved if request.dry_run else require_connection(resolved), request, services.settings
    )
    if attempt.cache_policy is None or request.stream or request.dry_run:
        return call_provider(plan, attempt, services)[0]
    entry_key = cache_key(plan, plan.jobs, attempt.cache_partition, portkey.cache_namespace)
    max_age = attempt.cache_policy.max_age
    status, entry = lookup_entry(services.cache, entry_key, max_age, refresh=portkey.force_refresh)
    attempt_log.set_cache_status(status)
    if entry:
        return respond_from_cache(entry, plan, attempt, services)
    response, result = call_provider(plan, attempt, services)
    if result and len(result.images) == request.n:
        save_entry(
            services.cache, entry_key, CacheEntry(result.images, result.preserved_pixels), max_age
        )
    return response


def call_provider(
    plan: Plan, attempt: Attempt, services: Services
) -> tuple[HttpResponse, Result | None]:
    """The answer of the provider, and its pictures where they are whole."""
    request, context = attempt.request, attempt.context
    jobs = [prepare_job(job, plan.resolved.serving) for job in plan.jobs]
    if request.dry_run:
        return dry_run_response(plan, jobs, context.request_id), None
    check_remaining_time(plan, services, context.deadline)
    call_tracker = track_call(
        circuit_name(plan.resolved, context.credentials, services.settings), services, context
    )
    if request.stream:
        return stream_response(plan, jobs, services, attempt, call_tracker), None
    with call_tracker:
        fanout_result = run_jobs(plan, jobs, services, context.effective_deadline)
    guardrail_run = attempt.guardrail_run.check_results(
        fanout_result.images, plan.resolved.provider.is_paid
    )
    plan = replace(plan, notes=(*plan.notes, *fanout_result.shortfall_notes(request.n)))
    result = postprocess_all(fanout_result.images, plan.delivery)
    return guardrail_run.annotate(deliver(result, plan, context, services)), result


def respond_from_cache(
    entry: CacheEntry, plan: Plan, attempt: Attempt, services: Services
) -> HttpResponse:
    """The same from the store: finished pictures, nothing bought."""
    guardrail_run = attempt.guardrail_run.check_results(entry.images, paid=False)
    plan = replace(plan, delivery=Delivery(plan.delivery.response_format))
    result = replace(
        postprocess_all(entry.images, plan.delivery), preserved_pixels=entry.preserved_pixels
    )
    response = deliver(result, plan, attempt.context, services)
    headers = {n: v for n, v in response.headers.items() if n != "x-retouch-cost-usd"}
    return guardrail_run.annotate(replace(response, headers={**headers, "x-retouch-billed": "no"}))


def deliver(
    result: Result, plan: Plan, context: RequestContext, services: Services
) -> HttpResponse:
    """The result on its way: links to it work until the time that the answer says."""
    settings, now = services.settings, services.clock.unix_time()
    expires_at = now + settings.result_url_seconds
    pepper = settings.environment.get("RETOUCH_PEPPER", "")
    build_link = link_builder(
        settings.base_url or context.base_url, pepper, expires_at, now, services.bucket.sign
    )
    try:
        delivered_data = deliver_images(
            result, plan.delivery, services.bucket, build_link, context.max_response_bytes
        )
    except NotStored as error:
        error.billed = "yes" if plan.resolved.provider.is_paid else "no"
        raise
    return success_response(
        result, delivered_data, plan, ResponseMeta(context.request_id, now, expires_at)
    )


def check_remaining_time(plan: Plan, services: Services, deadline: float) -> None:
    """A paid call that cannot finish is not started."""
    remaining = deadline - services.clock.now()
    if plan.resolved.provider.is_paid and remaining < services.settings.min_call_seconds:
        raise DeadlineExceeded(
            f"Only {max(remaining, 0):.1f} s are left, too little to start an edit. Send it again.",
            billed="no",
        )


def run_jobs(
    plan: Plan, jobs: list[ProviderJob], services: Services, deadline: float
) -> FanoutResult:
    """All finished pictures; several jobs run side by side."""

    def completed_images(job: ProviderJob) -> list[GeneratedImage]:
        steps = run_job(plan.resolved, job, services, deadline)
        return [step.image for step in steps if isinstance(step, CompletedImage)]

    return (
        FanoutResult(completed_images(jobs[0]))
        if len(jobs) == 1
        else run_parallel(jobs, completed_images)
    )


def run_job(
    resolved: ResolvedModel, job: ProviderJob, services: Services, deadline: float
) -> Iterator[PartialImage | CompletedImage]:
    """One conversation through the wall."""
    streams = ExitStack()

    def send(request: ProviderRequest) -> ProviderResponse:
        response = services.send(request, resolved, deadline)
        if isinstance(response.chunks, Generator):
            streams.callback(response.chunks.close)
        return response

    send_with_retries: SendToProvider = with_retries(
        send, resolved, services.clock, deadline, services.settings.max_retry_wait
    )
    try:
        # A stream that is not read to its end is closed now: left to the garbage collector, which takes its parts in
        # any order, its connection may be handed to the next edit although it is dead.
        with streams:
            yield from run_conversation(resolved, job, send_with_retries, services.clock, deadline)
    except Refused as error:
        if error.code != NEEDS_GENERATIVE_MODEL:
            raise
        generative = ", ".join(
            generative_models(services.providers, services.clock.today())[:_MAX_SUGGESTED_MODELS]
        )
        raise Refused(
            f"{error} Models that paint: {generative}.",
            param=error.param,
            code=error.code,
            billed=error.billed,
        ) from None


def stream_response(
    plan: Plan,
    jobs: list[ProviderJob],
    services: Services,
    attempt: Attempt,
    call_tracker: AbstractContextManager[None],
) -> HttpResponse:
    """The same edit as an event stream. Failures before its first sign of life get their own status."""
    context, guardrail_run = attempt.context, attempt.guardrail_run

    def events() -> Generator[bytes, None, None]:
        with call_tracker:
            yield from sse_events(
                plan, jobs, services, context.effective_deadline, guardrail_run.extra_body
            )

    heartbeat_events = with_heartbeat(
        events(), min(services.settings.heartbeat_seconds, context.max_silence)
    )
    body = sse.stream_events(next(heartbeat_events), heartbeat_events, context.request_id)
    headers = {**sse.SSE_HEADERS, "x-request-id": context.request_id, **plan_headers(plan)}
    return guardrail_run.annotate(HttpResponse(200, headers, body, plan_log_fields(plan)))


def sse_events(
    plan: Plan,
    jobs: list[ProviderJob],
    services: Services,
    deadline: float,
    extra_body: Mapping[str, Any],
) -> Iterator[bytes]:
    """Encoded events as the pictures come; `beside` stands in those of finished ones."""
    created = services.clock.unix_time()
    for job in jobs:
        for step in run_job(plan.resolved, job, services, deadline):
            processed = postprocess(step.image, plan.delivery)
            if isinstance(step, PartialImage):
                yield sse.partial_image_event(processed.image, step.index, created)
            else:
                extra_fields = {**extra_body, **stream_metadata(processed, plan)}
                yield sse.completed_event(processed.image, created, extra_fields)
