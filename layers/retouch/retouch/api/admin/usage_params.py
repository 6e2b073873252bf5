"""The parameters of the analytics and usage routes: the range of time, the workspaces and the filter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from retouch.api.admin.fields import FieldReader
from retouch.api.admin.request import AdminRequest, AdminServices, not_found
from retouch.api.admin.workspaces import all_workspaces
from retouch.core.errors import Fault, InvalidRequest, UsageUnavailable
from retouch.usage.documents import DocumentStore
from retouch.usage.event import SECONDS_PER_DAY, months_of
from retouch.usage.filters import UsageFilter
from retouch.usage.query import UsageQuery, UsageReader
from retouch.usage.stores import UsageStore
from retouch.usage.totals import UsageRow

SCOPE = "analytics.view"
_MINUTE, _HOUR = 60, 3600
_MAX_MINUTE_RANGE, _MAX_HOUR_RANGE = 3 * _HOUR, 4 * SECONDS_PER_DAY
_SECOND_DIGITS = 12
_ID_PREFIX, _MAX_MONTHS = "w_", 14
# Portkey's filters about things that the gateway does not have.
_UNSUPPORTED = (
    "prompt_slug",
    "span_id",
    "weighted_feedback_min",
    "weighted_feedback_max",
    "prompt_token_min",
    "prompt_token_max",
    "completion_token_min",
    "completion_token_max",
)


def require_store(services: AdminServices) -> UsageStore:
    """Return the store of usage. Raises UsageUnavailable when the gateway has none."""
    if services.usage is None:
        raise UsageUnavailable(
            "This gateway has no table of usage. Set Usage=on, or RETOUCH_USAGE_TABLE.",
            retryable=False,
        )
    return services.usage


def require_documents(services: AdminServices) -> DocumentStore:
    """Return the store of feedback and exports. Raises UsageUnavailable when the gateway has none."""
    require_store(services)
    assert services.documents is not None, "both stores come from one setting"
    return services.documents


def read_rows(query: UsageQuery, services: AdminServices) -> list[UsageRow]:
    """Return the sums that a query asks for. Raises InvalidRequest for too large a range."""
    return UsageReader(require_store(services), services.clock.unix_time()).read_rows(query)


def analytics_query(request: AdminRequest, services: AdminServices) -> UsageQuery:
    """Return the query of one of Portkey's analytics routes, without groups. Raises InvalidRequest."""
    request.require_scope(SCOPE)
    start = required_time(request.query, "time_of_generation_min")
    end = required_time(request.query, "time_of_generation_max")
    workspaces = visible_workspaces(
        request, services, request.query.get("workspace_slug", ""), (start, end)
    )
    width = choose_width(end - start)
    return UsageQuery(workspaces, start, end, width, (), read_filter(request), request.cost_basis)


def log_query(request: AdminRequest, services: AdminServices) -> UsageQuery:
    """Return the query of the events of a time. Raises InvalidRequest."""
    start = required_time(request.query, "time_of_generation_min")
    end = required_time(request.query, "time_of_generation_max")
    workspaces = visible_workspaces(
        request, services, request.query.get("workspace_slug", ""), (start, end)
    )
    return UsageQuery(
        workspaces, start, end, filter=read_filter(request), cost_basis=request.cost_basis
    )


def choose_width(seconds: int) -> int:
    """Return the span of one point of a graph over this time."""
    if seconds <= _MAX_MINUTE_RANGE:
        return _MINUTE
    return _HOUR if seconds <= _MAX_HOUR_RANGE else SECONDS_PER_DAY


def span_starts(query: UsageQuery) -> range:
    """Return the beginnings of the spans of a query."""
    return range(query.start // query.width * query.width, query.end, query.width)


def visible_workspaces(
    request: AdminRequest, services: AdminServices, names: Any = "", span: tuple[int, int] = (0, 0)
) -> tuple[str, ...]:
    """Return the ids of the named workspaces, or of all that the key may see. Raises NotFound.

    A key of the organisation sees deleted workspaces too, if they have usage in the span of time.
    """
    visible = [one for one in all_workspaces(services) if request.can_see(one.id)]
    wanted = split_list(names)
    if not wanted:
        deleted = _workspaces_with_usage(services, *span) if request.is_of_organisation else []
        return tuple(dict.fromkeys([*(one.id for one in visible), *deleted]))
    by_name = {name: one.id for one in visible for name in (one.id, one.slug)}
    if request.is_of_organisation:
        by_name = {name: name for name in wanted if name.startswith(_ID_PREFIX)} | by_name
    for name in wanted:
        if name not in by_name:
            raise not_found("workspace", name)
    return tuple(dict.fromkeys(by_name[name] for name in wanted))


def _workspaces_with_usage(services: AdminServices, start: int, end: int) -> list[str]:
    store = require_store(services)
    months = months_of(start, end) if start < end else []
    return [one for month in months[:_MAX_MONTHS] for one in store.list_workspaces(month)]


def read_filter(request: AdminRequest) -> UsageFilter:
    """Return the filter of Portkey's parameters. Raises InvalidRequest."""
    query = request.query
    for name in _UNSUPPORTED:
        if query.get(name):
            raise InvalidRequest(
                f"This gateway cannot filter by '{name}'. Leave it out.", param=name
            )
    return filter_from_values(query)


def filter_from_values(values: Mapping[str, Any]) -> UsageFilter:
    """Return the filter of named values, as a query or the body of an export has them. Raises InvalidRequest."""
    fields = FieldReader({name: _number(values.get(name)) for name in _NUMBERS})
    return UsageFilter(
        statuses=frozenset(_read_status(text) for text in split_list(values.get("status_code"))),
        key_ids=_names(values, "api_key_ids"),
        virtual_keys=_names(values, "virtual_keys"),
        configs=_names(values, "configs"),
        models=frozenset(_read_model(text) for text in split_list(values.get("ai_org_model"))),
        cache=frozenset(text.upper() for text in split_list(values.get("cache_status"))),
        traces=_names(values, "trace_id"),
        billed=_names(values, "billed"),
        metadata=_read_metadata(values.get("metadata")),
        cost_min=fields.millionths("cost_min"),
        cost_max=fields.millionths("cost_max"),
        tokens_min=fields.integer("total_units_min", 0, 10**12),
        tokens_max=fields.integer("total_units_max", 0, 10**12),
    )


_NUMBERS = ("cost_min", "cost_max", "total_units_min", "total_units_max")


def split_list(value: Any) -> list[str]:
    """Return the items of a list that is separated by commas, or that is one already."""
    texts = value if isinstance(value, list) else str(value or "").split(",")
    return [stripped for text in texts if (stripped := str(text).strip())]


def read_time(values: Mapping[str, Any], name: str) -> int | None:
    """Return a time: ISO 8601, or seconds since 1970. Raises InvalidRequest."""
    value = values.get(name)
    text = str(value or "")
    if text.isascii() and text.isdigit() and len(text) < _SECOND_DIGITS:
        value = int(text)
    return FieldReader({name: value or None}).time(name)


def required_time(values: Mapping[str, Any], name: str) -> int:
    """Return a time that must be there. Raises InvalidRequest."""
    time = read_time(values, name)
    if time is None:
        raise InvalidRequest(
            f"'{name}' is required: a time as in 2026-11-30T00:00:00Z.",
            param=name,
            code="missing_required_parameter",
        )
    return time


def _names(values: Mapping[str, Any], name: str) -> frozenset[str]:
    return frozenset(split_list(values.get(name)))


def _number(value: Any) -> Any:
    """Return the number in a text of the query, or the value as it is."""
    if not isinstance(value, str) or not value:
        return value or None
    try:
        return orjson.loads(value)
    except ValueError:
        return value


def _read_status(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) == len("200")):
        raise _value_error("status_code", text, "an HTTP status such as 200")
    return int(text)


def _read_model(text: str) -> tuple[str, str]:
    provider, _, model = text.partition("__")
    return provider, model


def _read_metadata(value: Any) -> dict[str, frozenset[str]]:
    """Return the wanted values of each pair. Portkey's SDKs send the object as JSON text."""
    try:
        pairs = orjson.loads(value) if isinstance(value, str) and value else value or {}
    except ValueError:
        pairs = None
    if not isinstance(pairs, Mapping):
        raise _value_error("metadata", str(value), 'a JSON object such as {"team": "red"}')
    return {str(name): frozenset(split_list(wanted)) for name, wanted in pairs.items()}


def _value_error(name: str, text: str, rule: str) -> Fault:
    return InvalidRequest(f"'{name}' is '{text[:64]}'. It must be {rule}.", param=name)
