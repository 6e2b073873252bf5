"""Events as Portkey's logs: the log object of one request, and the rows of a list or an export.

Source of the shapes: Portkey-AI/openapi, LogObject and LogExportsRequestedData, 2026-06-12. There is no content: the
bodies have the fields of the event.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from retouch.usage.event import UsageEvent
from retouch.usage.graphs import show_timestamp
from retouch.usage.money import dollars

_EDITS_PATH = "/v1/images/edits"


# The fields of a row, and their values.
_COLUMNS: Mapping[str, Callable[[UsageEvent], Any]] = {
    "id": lambda event: log_id(event),
    "trace_id": lambda event: event.trace,
    "created_at": lambda event: show_timestamp(event.time),
    "request": lambda _: None,  # content is not kept
    "response": lambda _: None,
    "is_success": lambda event: not event.is_error,
    "ai_org": lambda event: event.provider,
    "ai_model": lambda event: event.model,
    "req_units": lambda event: event.text_in + event.image_in,
    "res_units": lambda event: event.text_out + event.image_out,
    "total_units": lambda event: event.tokens,
    "request_url": lambda _: _EDITS_PATH,
    "cost": lambda event: dollars(event.cost),
    "cost_currency": lambda _: "USD",
    "response_time": lambda event: event.ms,
    "response_status_code": lambda event: event.status,
    "mode": lambda event: event.rescue.partition("-")[0] or "single",
    "config": lambda event: event.config,
    "prompt_slug": lambda _: "",
    "metadata": lambda event: dict(event.metadata),
    # Portkey has none of the following.
    "workspace_id": lambda event: event.workspace,
    "order": lambda event: event.order,
    "attempt": lambda event: event.attempt,
    "price": lambda event: dollars(event.price),
    "at_risk": lambda event: dollars(event.at_risk),
    "billed": lambda event: event.billed,
    "payer": lambda event: event.payer,
    "code": lambda event: event.code,
    "blame": lambda event: event.blame,
    "operation": lambda event: event.operation,
    "pictures": lambda event: event.pictures,
    "size": lambda event: event.size,
    "cache_status": lambda event: event.cache,
    "api_key_id": lambda event: event.key_id,
    "virtual_key": lambda event: event.virtual_key,
    "user": lambda event: event.user,
    "source": lambda event: event.source,
    "adjusts": lambda event: event.adjusts,
}
COLUMN_NAMES = tuple(_COLUMNS)


def log_id(event: UsageEvent) -> str:
    """Return the id of an attempt's log."""
    return f"{event.order}.{event.attempt}"


def log_row(event: UsageEvent, names: Sequence[str] = COLUMN_NAMES) -> dict[str, Any]:
    """Return these fields of an event."""
    return {name: value(event) for name, value in _COLUMNS.items() if name in names}


def log_object(events: Sequence[UsageEvent]) -> dict[str, Any]:
    """Return the log of one request from its attempts, the last one at the end."""
    last = events[-1]
    error: Mapping[str, Any] = {"error": {"code": last.code}} if last.is_error else {}
    return {
        "_id": log_id(last),
        "id": log_id(last),
        "object": "log",
        "success": True,
        "workspace_id": last.workspace,
        "created_at": show_timestamp(events[0].time),
        "request": {
            "url": _EDITS_PATH,
            "method": "POST",
            "headers": {},
            "body": {"model": f"{last.provider}/{last.model}", "n": last.pictures},
            "portkeyHeaders": {
                "x-portkey-trace-id": last.trace,
                "x-portkey-config": last.config,
                "x-portkey-virtual-key": last.virtual_key,
            },
        },
        "response": {
            "status": last.status,
            "headers": {},
            "body": error,
            "responseTime": sum(event.ms for event in events),
            "lastUsedOptionJsonPath": last.target,
        },
        "metrics": {
            **log_row(last),
            "cost": dollars(sum(event.cost for event in events)),
            "price": dollars(sum(event.price for event in events)),
        },
        "attempts": [log_row(event) for event in events],
    }
