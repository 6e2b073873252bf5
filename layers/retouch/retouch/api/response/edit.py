"""Result -> OpenAI's image object, and what was done on the way as headers. The last room."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from email.utils import formatdate
from typing import Any, cast

import orjson

from retouch.core.errors import Billed, Fault, worst_billing
from retouch.core.http import HttpResponse, json_headers
from retouch.core.portkey import PortkeyHeaders
from retouch.core.pricing import edit_cost
from retouch.core.usage import token_counts
from retouch.gateway.delivery import DeliveredData
from retouch.gateway.postprocess import ProcessedImage, Result
from retouch.gateway.routing.executor import AttemptRecord, RoutingOutcome
from retouch.planning.plan import Plan

_CACHE_DISABLED_HEADERS = {"x-portkey-cache-status": "DISABLED"}
_MAX_NOTES_BYTES = 1500  # bytes of one header; the log has them whole
_MAX_LISTED_ATTEMPTS = 16  # the last ones; the log has them all


@dataclass(frozen=True, slots=True)
class ResponseMeta:
    """What an answer says of itself. Times are Unix seconds."""

    request_id: str
    created: int
    expires_at: int  # links in it work until then


def success_response(
    result: Result, delivered: DeliveredData, plan: Plan, meta: ResponseMeta
) -> HttpResponse:
    """OpenAI's image object."""
    body = {"created": meta.created, "data": delivered.data, **result.metadata}
    plan = replace(plan, notes=(*plan.notes, *result.notes, *delivered.notes))
    headers = {**json_headers(meta.request_id), **plan_headers(plan), **_cost_headers(result, plan)}
    if result.preserved_pixels is not None:
        headers["x-retouch-preserved-pixels"] = str(result.preserved_pixels)
    if delivered.is_linked:
        headers["x-retouch-url-expires"] = formatdate(meta.expires_at, usegmt=True)
    return HttpResponse(
        200,
        headers,
        orjson.dumps(body),
        {**plan_log_fields(plan), "delivered": len(delivered.data)},
    )


def stream_metadata(processed: ProcessedImage, plan: Plan) -> dict[str, Any]:
    """What stands beside a streamed picture, as in late answers: the headers left before it was known."""
    preserved_pixels = (
        plan.delivery.untouched
        if processed.preserved_pixels is None
        else processed.preserved_pixels
    )
    estimate = edit_cost(
        plan.resolved.serving, 1, token_counts(processed.image.metadata.get("usage"))
    )
    metadata = {
        "preserved-pixels": None if preserved_pixels is None else str(preserved_pixels),
        "cost-usd": str(estimate) if estimate else None,
        "notes": header_text("; ".join(processed.notes)),
    }
    known = {name: text for name, text in metadata.items() if text}
    return {"retouch": known} if known else {}


def plan_headers(plan: Plan) -> dict[str, str]:
    """What was done that the body has no place for."""
    headers = {
        "x-retouch-model": plan.resolved.model_id,
        "x-retouch-billed": "yes" if plan.resolved.provider.is_paid else "no",
        **plan.response_headers,
    }
    if plan.notes:
        headers["x-retouch-notes"] = header_text("; ".join(plan.notes))
    return headers


def _cost_headers(result: Result, plan: Plan) -> dict[str, str]:
    usage = result.metadata.get("usage")
    estimate = edit_cost(plan.resolved.serving, result.images_billed, usage, len(plan.jobs))
    return {"x-retouch-cost-usd": str(estimate)} if estimate else {}


def plan_log_fields(plan: Plan) -> dict[str, Any]:
    """What the log and the metrics say of a planned edit."""
    return {
        "provider": plan.resolved.provider.name,
        "model": plan.resolved.serving.id,
        "calls": len(plan.jobs),
        "pictures": sum(job.n for job in plan.jobs),
        "notes": list(plan.notes),
        "masked": plan.jobs[0].mask is not None,
    }


def header_text(text: str) -> str:
    """Text as a header may carry it: printable ASCII on one line."""
    safe = "".join(c if c.isascii() and c.isprintable() else "?" for c in text)
    return safe[:_MAX_NOTES_BYTES]


def add_routing_metadata(
    response: HttpResponse, outcome: RoutingOutcome[HttpResponse], portkey: PortkeyHeaders
) -> HttpResponse:
    """The answer with the way to it, in headers and the log. What any attempt may have cost, the answer has."""
    attempts = attempt_history(response, outcome)
    headers = {
        "x-retouch-billed": worst_billing(record.billed for record in attempts if record.billed),
        "x-portkey-last-used-option-index": outcome.target.path,
        "x-portkey-retry-attempt-count": str(outcome.retries),
        **({"x-portkey-trace-id": portkey.trace_id} if portkey.trace_id else {}),
        **({"traceparent": portkey.traceparent} if portkey.traceparent else {}),
        **({"x-retouch-attempts": _format_attempts(attempts)} if len(attempts) > 1 else {}),
    }
    attempt_fields = [asdict(record) for record in attempts]
    response_fields = {
        n: v for n, v in response.log_fields.items() if portkey.debug or n != "notes"
    }
    log_fields = {**response_fields, "trace_id": portkey.trace_id, "attempts": attempt_fields}
    return replace(
        response,
        headers={**_CACHE_DISABLED_HEADERS, **response.headers, **headers},
        log_fields=log_fields,
    )


def attempt_history(
    response: HttpResponse, outcome: RoutingOutcome[HttpResponse]
) -> Sequence[AttemptRecord]:
    """The attempts, the last of them as its answer says it ended."""
    if isinstance(outcome.result, Fault):
        return outcome.attempts
    *earlier, last = outcome.attempts
    billed = cast(Billed, response.headers["x-retouch-billed"])
    return (*earlier, replace(last, status=response.status, billed=billed))


def _format_attempts(attempts: Sequence[AttemptRecord]) -> str:
    """E.g. "targets[0]=429;no, targets[1]=200;yes": where, the status, and whether it may be charged for."""
    return ", ".join(
        f"{record.path.removeprefix('config.')}={record.status};{record.billed}"
        for record in attempts[-_MAX_LISTED_ATTEMPTS:]
    )
