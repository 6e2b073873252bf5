"""Logs in Portkey's shape: GET /v1/logs, GET /v1/logs/{id} and POST /v1/logs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from retouch.api.admin.log_rates import count_log_write
from retouch.api.admin.request import (
    AdminRequest,
    AdminResponse,
    AdminServices,
    list_document,
    not_found,
)
from retouch.api.admin.usage_params import log_query, require_store, visible_workspaces
from retouch.core.errors import InvalidRequest
from retouch.orders.order import order_id, random_order_key, time_of_order
from retouch.usage.cost_basis import event_with_cost_basis
from retouch.usage.event import SECONDS_PER_DAY, UsageEvent, limit_metadata
from retouch.usage.log_rows import log_id, log_object, log_row
from retouch.usage.query import UsageQuery, UsageReader

_LIST_SCOPE, _VIEW_SCOPE, _WRITE_SCOPE = "logs.list", "logs.view", "logs.write"
_ORDER_SECONDS = SECONDS_PER_DAY  # the attempts of an order that is not repeated end long before
_MAX_LOGS, _MAX_TEXT_CHARS, _MAX_MS = 100, 128, 86_400_000
INSERTED = "inserted"


def list_logs(request: AdminRequest, services: AdminServices) -> AdminResponse:
    """List the attempts of a time, the latest first."""
    request.require_scope(_LIST_SCOPE)
    query = log_query(request, services)
    reader = UsageReader(require_store(services), services.clock.unix_time())
    events = sorted(reader.read_events(query), key=lambda event: event.id, reverse=True)
    return 200, list_document([log_row(event) for event in events], request.query)


def get_log(request: AdminRequest, services: AdminServices) -> AdminResponse:
    """Return the log of one request, by the id of its order, of an attempt, or of its trace. Raises NotFound."""
    request.require_scope(_VIEW_SCOPE)
    identifier = request.path_values["id"]
    events = [
        event_with_cost_basis(one, request.cost_basis)
        for one in _find_events(identifier, request, services)
        if request.can_see(one.workspace)
    ]
    if not events:
        raise not_found("log", identifier)
    return 200, log_object(sorted(events, key=lambda event: event.id))


def insert_logs(request: AdminRequest, services: AdminServices) -> AdminResponse:
    """Store the logs of requests that did not go through the gateway. They count in no budget."""
    request.require_scope(_WRITE_SCOPE)
    count_log_write(request, services)
    events = [_read_log(values, request, services) for values in _read_logs(request)]
    for event in events:
        require_store(services).write_event(event)
    return 200, {"status": "success", "success": True, "ids": [log_id(event) for event in events]}


def _find_events(
    identifier: str, request: AdminRequest, services: AdminServices
) -> Sequence[UsageEvent]:
    store = require_store(services)
    order, _, attempt = identifier.partition(".")
    try:
        created = time_of_order(order)
    except ValueError:
        return store.find_by_trace(identifier)
    end = created + _ORDER_SECONDS
    workspaces = visible_workspaces(request, services, span=(created, end))
    query = UsageQuery(workspaces, created, end)
    events = UsageReader(store, services.clock.unix_time()).read_events(query)
    return [e for e in events if e.order == order and attempt in ("", str(e.attempt))]


def _read_logs(request: AdminRequest) -> list[Mapping[str, Any]]:
    bodies = request.objects("log")
    if len(bodies) > _MAX_LOGS:
        raise InvalidRequest(
            f"The list has {len(bodies)} logs. Send at most {_MAX_LOGS} at once.",
            code="invalid_json",
        )
    return bodies


def _read_log(
    values: Mapping[str, Any], request: AdminRequest, services: AdminServices
) -> UsageEvent:
    """Return the event of a log. Nothing of its content is kept."""
    sent, answer = _read_object(values, "request"), _read_object(values, "response")
    metadata = dict(_read_object(values, "metadata"))
    body, now = sent.get("body"), services.clock.unix_time()
    trace = metadata.pop("traceId", None) or metadata.pop("trace_id", None) or request.request_id
    event = UsageEvent(
        request.key.workspace.id, now, order_id(random_order_key(), now), 1, source=INSERTED
    )
    return replace(
        event,
        status=_read_number(answer, "status", 100, 599),
        ms=_read_number(answer, "response_time", 0, _MAX_MS, default=0),
        provider=_text(sent.get("provider")),
        model=_text(body.get("model")) if isinstance(body, Mapping) else "",
        operation="inserted",
        payer="caller",
        key_id=request.key.id,
        trace=_text(trace),
        metadata=limit_metadata(metadata),
    )


def _read_object(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = values.get(name) or {}
    if not isinstance(value, Mapping):
        raise InvalidRequest(f"'{name}' must be an object.", param=name)
    return value


def _read_number(
    values: Mapping[str, Any], name: str, minimum: int, maximum: int, default: int | None = None
) -> int:
    value = values.get(name, default)
    if isinstance(value, int | float) and minimum <= value <= maximum:
        return round(value)
    raise InvalidRequest(
        f"'response.{name}' must be a number from {minimum} to {maximum}.", param=f"response.{name}"
    )


def _text(value: Any) -> str:
    return value[:_MAX_TEXT_CHARS] if isinstance(value, str) and value.isprintable() else ""
