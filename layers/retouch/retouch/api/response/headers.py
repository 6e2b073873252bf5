"""The response headers of an edit, and the same values as an object for transports without headers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from retouch.api.response import errors, sse
from retouch.api.response.errors import Dialect
from retouch.api.response.header_text import notes_text
from retouch.core.errors import Fault
from retouch.core.http_response import json_headers
from retouch.core.portkey_types import PORTKEY_PREFIX
from retouch.core.pricing import Cost
from retouch.gateway.result import (
    AttemptRecord,
    DeliveredEdit,
    EditResult,
    EditStream,
    RoutingReport,
)
from retouch.orders.order import StoredAnswer

_HEADER_PREFIX = "x-retouch-"
_CACHE_DISABLED = "DISABLED"  # Portkey's value when no cache was used
_MAX_LISTED_ATTEMPTS = 16  # only the last attempts; the log has all of them


def response_headers(result: EditResult, request_id: str, dialect: Dialect) -> dict[str, str]:
    """Return every header of the response."""
    if isinstance(result.outcome, StoredAnswer):
        return _stored_headers(result.outcome, result, request_id, dialect)
    if isinstance(result.outcome, EditStream):
        basic = {**sse.SSE_HEADERS, "x-request-id": request_id}
    else:
        basic = json_headers(request_id)
    fault = result.outcome if isinstance(result.outcome, Fault) else None
    return {
        **basic,
        **_plan_headers(result),
        **(_portkey_headers(result) if dialect == "portkey" else {}),
        **(errors.fault_headers(fault, dialect) if fault else {}),
        **_trace_headers(result.routing),
        **{f"{_HEADER_PREFIX}{name}": value for name, value in edit_metadata(result).items()},
    }


def is_replayed_stream(result: EditResult) -> bool:
    """Return whether a stored answer goes out as an event stream, because its caller asks for one."""
    is_stream = result.order is not None and result.order.is_stream
    return is_stream and isinstance(result.outcome, StoredAnswer) and result.status == 200


def _stored_headers(
    answer: StoredAnswer, result: EditResult, request_id: str, dialect: Dialect
) -> dict[str, str]:
    """Return the headers of a stored answer, with the facts of this request."""
    stored = {
        name: text
        for name, text in answer.headers.items()
        if dialect == "portkey" or not name.startswith(PORTKEY_PREFIX)
    }
    replayed = {"Idempotent-Replayed": "true"} if result.order and result.order.is_replay else {}
    order = {f"{_HEADER_PREFIX}{name}": text for name, text in _order_metadata(result).items()}
    stream = sse.SSE_HEADERS if is_replayed_stream(result) else {}
    return {**stored, **stream, "x-request-id": request_id, **order, **replayed}


def _order_metadata(result: EditResult) -> dict[str, str]:
    """Return the id of the order and the time at which its key may buy again."""
    order = result.order
    if order is None:
        return {}
    return {"order": order.id, "idempotency-expires": _http_date(order.expires)}


def _http_date(unix_time: float) -> str:
    from email.utils import formatdate  # a cold start does not load it

    return formatdate(unix_time, usegmt=True)


def edit_metadata(result: EditResult) -> dict[str, str]:
    """Return the values of the `x-retouch-*` headers by the names behind the prefix."""
    outcome, report, routing = result.outcome, result.attempt, result.routing
    if isinstance(outcome, StoredAnswer):
        return {**_stored_metadata(outcome), **_order_metadata(result)}
    values: dict[str, str | None] = {"billed": result.billing, **_order_metadata(result)}
    if not isinstance(outcome, Fault):
        values |= {"model": outcome.plan.resolved.model_id, "notes": notes_text(result.notes)}
        values["operation"] = outcome.plan.resolved.serving.operation
    if isinstance(outcome, DeliveredEdit):
        kept, expires_at = outcome.preserved_pixels, outcome.url_expires_at
        values["cost-usd"] = str(result.shown_cost) if result.shown_cost else None
        values["preserved-pixels"] = None if kept is None else str(kept)
        values["url-expires"] = None if expires_at is None else _http_date(expires_at)
    if result.price is not None:
        values["price-usd"] = str(Cost(result.price, estimated=False))
    if result.remaining_budget is not None:
        values["budget-remaining-usd"] = str(Cost(result.remaining_budget, estimated=False))
    values["upstream-request-id"] = report.upstream_request_ids
    values["upstream-processing-ms"] = report.upstream_processing_ms
    if routing and len(routing.attempts) > 1:
        values["attempts"] = _format_attempts(routing.attempts)
    return {name: value for name, value in values.items() if value}


def _stored_metadata(answer: StoredAnswer) -> dict[str, str]:
    return {
        name.removeprefix(_HEADER_PREFIX): value
        for name, value in answer.headers.items()
        if name.startswith(_HEADER_PREFIX)
    }


def _plan_headers(result: EditResult) -> Mapping[str, str]:
    """Return the end date of the model."""
    outcome = result.outcome
    return {} if isinstance(outcome, Fault | StoredAnswer) else outcome.plan.response_headers


def _portkey_headers(result: EditResult) -> dict[str, str]:
    """Return the provider, the cache and the routing of the edit in Portkey's headers."""
    report, routing = result.attempt, result.routing
    values = {"provider": report.provider, "cache-status": report.cache_status}
    if routing:
        values["cache-status"] = report.cache_status or _CACHE_DISABLED
        values["last-used-option-index"] = routing.target_path
        values["retry-attempt-count"] = str(routing.retries)
        values["trace-id"] = routing.trace_id
    return {f"{PORTKEY_PREFIX}{name}": value for name, value in values.items() if value}


def _trace_headers(routing: RoutingReport | None) -> dict[str, str]:
    return {"traceparent": routing.traceparent} if routing and routing.traceparent else {}


def _format_attempts(attempts: Sequence[AttemptRecord]) -> str:
    """Return for example "targets[0]=429;no, targets[1]=200;yes": target, status, billing status."""
    return ", ".join(
        f"{record.path.removeprefix('config.')}={record.status};{record.billed}"
        for record in attempts[-_MAX_LISTED_ATTEMPTS:]
    )
