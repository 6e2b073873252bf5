"""Renders an EditResult for a transport: HTTP with JSON, HTTP with an event stream, or a direct invoke.

Each transport calls one function here, and calls it once. All facts come from the typed result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from email.utils import formatdate
from typing import Any

import orjson

from retouch.api.response import dry_run, errors, sse
from retouch.api.response.errors import ErrorFormat
from retouch.api.response.text import notes_text
from retouch.core.errors import Fault
from retouch.core.http import HttpResponse, json_headers
from retouch.gateway.delivery import DeliveredImage
from retouch.gateway.result import (
    AttemptRecord,
    AttemptReport,
    DeliveredEdit,
    EditPreview,
    EditResult,
    EditStream,
    RoutingReport,
)
from retouch.planning.plan import Plan

GATEWAY_PREFIX = "x-retouch-"
_CACHE_DISABLED = "DISABLED"  # Portkey's word when no cache was used
_MAX_LISTED_ATTEMPTS = 16  # the last ones; the log has all attempts


def render_http(result: EditResult, request_id: str, error_format: ErrorFormat) -> HttpResponse:
    """Return the HTTP response: JSON, or an event stream when the result is one."""
    headers = response_headers(result, request_id, error_format)
    fields = log_fields(result)
    if isinstance(result.outcome, EditStream):
        stream = sse.encode_stream(result.outcome, result.attempt.hooks.extra_body, request_id)
        return HttpResponse(result.status, headers, stream, fields)
    body = orjson.dumps(document(result, error_format))
    return HttpResponse(result.status, headers, body, fields)


def render_invocation(result: EditResult) -> dict[str, Any]:
    """Return the result as the return value of a direct invoke. `retouch` holds what HTTP has headers for."""
    return {**document(result, "openai-api"), "retouch": metadata_object(result)}


def metadata_object(result: EditResult) -> dict[str, Any]:
    """Return the status and the `x-retouch-*` headers as an object, for transports without headers."""
    return {"status": result.status, **edit_metadata(result)}


def document(result: EditResult, error_format: ErrorFormat) -> dict[str, Any]:
    """Return the JSON body as an object: OpenAI's image object, its error envelope, or the plan of a dry run."""
    outcome = result.outcome
    assert not isinstance(outcome, EditStream), "a stream has events instead of a body"
    if isinstance(outcome, Fault):
        return errors.error_document(outcome, error_format)
    if isinstance(outcome, EditPreview):
        return dry_run.plan_document(outcome)
    images = [_image_entry(image) for image in outcome.images]
    hooks = result.attempt.hooks.extra_body
    return {"created": outcome.created, "data": images, **outcome.metadata, **hooks}


def response_headers(
    result: EditResult, request_id: str, error_format: ErrorFormat
) -> dict[str, str]:
    """Return every header of the response."""
    if isinstance(result.outcome, EditStream):
        basic = {**sse.SSE_HEADERS, "x-request-id": request_id}
    else:
        basic = json_headers(request_id)
    fault = result.outcome if isinstance(result.outcome, Fault) else None
    return {
        **basic,
        **_plan_headers(result),
        **_attempt_headers(result.attempt),
        **(errors.fault_headers(fault, error_format) if fault else {}),
        **(_routing_headers(result.routing, result.attempt) if result.routing else {}),
        **{f"{GATEWAY_PREFIX}{name}": value for name, value in edit_metadata(result).items()},
    }


def log_fields(result: EditResult) -> dict[str, Any]:
    """Return what the log and the metrics get."""
    routing = result.routing
    fields = {**_outcome_fields(result), **_billing_fields(result)}
    if routing is None:
        return fields
    if not routing.logs_notes:
        fields.pop("notes", None)
    attempts = [asdict(record) for record in routing.attempts]
    return {**fields, "trace_id": routing.trace_id, "attempts": attempts}


def plan_log_fields(plan: Plan, notes: Sequence[str]) -> dict[str, Any]:
    """Return what the log and the metrics say about a planned edit."""
    return {
        "provider": plan.resolved.provider.name,
        "model": plan.resolved.serving.id,
        "calls": len(plan.jobs),
        "pictures": sum(job.n for job in plan.jobs),
        "notes": list(notes),
        "masked": plan.jobs[0].mask is not None,
    }


def edit_metadata(result: EditResult) -> dict[str, str]:
    """Return the values of the `x-retouch-*` headers by the names behind the prefix."""
    outcome, report, routing = result.outcome, result.attempt, result.routing
    values: dict[str, str | None] = {"billed": result.billed}
    if not isinstance(outcome, Fault):
        values |= {"model": outcome.plan.resolved.model_id, "notes": notes_text(_notes(result))}
        values["operation"] = outcome.plan.resolved.serving.operation
    if isinstance(outcome, DeliveredEdit):
        kept, expires_at = outcome.preserved_pixels, outcome.url_expires_at
        values["cost-usd"] = str(outcome.cost) if outcome.cost else None
        values["preserved-pixels"] = None if kept is None else str(kept)
        values["url-expires"] = None if expires_at is None else formatdate(expires_at, usegmt=True)
    values["upstream-request-id"] = report.upstream_request_ids
    values["upstream-processing-ms"] = report.upstream_processing_ms
    if routing and len(routing.attempts) > 1:
        values["attempts"] = _format_attempts(routing.attempts)
    return {name: value for name, value in values.items() if value}


def _notes(result: EditResult) -> tuple[str, ...]:
    outcome = result.outcome
    if isinstance(outcome, DeliveredEdit):
        return outcome.notes
    return () if isinstance(outcome, Fault) else outcome.plan.notes


def _plan_headers(result: EditResult) -> Mapping[str, str]:
    """Return when the model ends."""
    outcome = result.outcome
    return {} if isinstance(outcome, Fault) else outcome.plan.response_headers


def _attempt_headers(report: AttemptReport) -> dict[str, str]:
    values = {
        "x-portkey-provider": report.provider,
        "x-portkey-cache-status": report.cache_status,
    }
    return {name: value for name, value in values.items() if value}


def _routing_headers(routing: RoutingReport, report: AttemptReport) -> dict[str, str]:
    """Return how the outcome was reached, in Portkey's headers."""
    values = {
        "x-portkey-cache-status": report.cache_status or _CACHE_DISABLED,
        "x-portkey-last-used-option-index": routing.target_path,
        "x-portkey-retry-attempt-count": str(routing.retries),
        "x-portkey-trace-id": routing.trace_id,
        "traceparent": routing.traceparent,
    }
    return {name: value for name, value in values.items() if value}


def _format_attempts(attempts: Sequence[AttemptRecord]) -> str:
    """Return for example "targets[0]=429;no, targets[1]=200;yes": target, status, billing status."""
    return ", ".join(
        f"{record.path.removeprefix('config.')}={record.status};{record.billed}"
        for record in attempts[-_MAX_LISTED_ATTEMPTS:]
    )


def _outcome_fields(result: EditResult) -> dict[str, Any]:
    outcome, report = result.outcome, result.attempt
    if isinstance(outcome, EditPreview):
        return {"dry_run": True}
    hooks = report.hooks.log_fields
    if isinstance(outcome, Fault):
        model = {"provider": report.provider, "model": report.model} if report.provider else {}
        return {**model, **hooks, **errors.fault_log_fields(outcome)}
    fields = plan_log_fields(outcome.plan, _notes(result))
    if isinstance(outcome, DeliveredEdit):
        fields["delivered"] = len(outcome.images)
    return {**fields, **hooks}


def _billing_fields(result: EditResult) -> dict[str, str]:
    outcome = result.outcome
    cost = outcome.cost if isinstance(outcome, DeliveredEdit) else None
    return {"billed": result.billed, **({"cost_usd": str(cost)} if cost else {})}


def _image_entry(image: DeliveredImage) -> dict[str, str]:
    """Return one entry of `data`."""
    entry = {
        "b64_json": image.b64_json,
        "url": image.url,
        "revised_prompt": image.revised_prompt or None,
    }
    return {name: value for name, value in entry.items() if value is not None}
