"""Portkey's analytics: GET /v1/analytics/graphs/*, /summary/cache and /groups/*, and our own GET /v1/usage/summary."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from retouch.api.admin.request import (
    AdminEndpoint,
    AdminRequest,
    AdminResponse,
    AdminServices,
    list_document,
    not_found,
)
from retouch.api.admin.usage_params import (
    SCOPE,
    analytics_query,
    read_filter,
    read_rows,
    read_time,
    span_starts,
    split_list,
    visible_workspaces,
)
from retouch.api.admin.workspaces import all_workspaces
from retouch.core.errors import InvalidRequest
from retouch.usage.event import SECONDS_PER_DAY
from retouch.usage.graphs import (
    CACHE_DIMENSIONS,
    GRAPHS,
    Graph,
    cache_savings_document,
    cache_summary,
    graph_document,
    status_codes_document,
)
from retouch.usage.groups import (
    COLUMNS,
    GROUPS,
    METADATA_PREFIX,
    dimensions_of,
    group_items,
    summary_document,
)
from retouch.usage.query import UsageQuery

_DEFAULT_DAYS = 30


def graph_endpoint(graph: Graph) -> AdminEndpoint:
    """Return the endpoint of a graph."""

    def show_graph(request: AdminRequest, services: AdminServices) -> AdminResponse:
        query = replace(analytics_query(request, services), dimensions=graph.dimensions)
        return 200, graph_document(graph, read_rows(query, services), span_starts(query))

    return show_graph


def show_status_codes(request: AdminRequest, services: AdminServices) -> AdminResponse:
    """Return the errors by status."""
    query = replace(analytics_query(request, services), dimensions=("status",))
    return 200, status_codes_document(read_rows(query, services))


def show_hit_rate(request: AdminRequest, services: AdminServices) -> AdminResponse:
    """Return the hits of the cache."""
    query = replace(analytics_query(request, services), dimensions=CACHE_DIMENSIONS)
    return 200, cache_savings_document(read_rows(query, services), span_starts(query))


def show_cache_summary(request: AdminRequest, services: AdminServices) -> AdminResponse:
    """Return the summary of the cache."""
    query = replace(analytics_query(request, services), dimensions=CACHE_DIMENSIONS)
    return 200, cache_summary(read_rows(query, services))


def list_group(request: AdminRequest, services: AdminServices) -> AdminResponse:
    """Return the usage by one of Portkey's groups."""
    name = request.path_values["group"]
    if name not in GROUPS:
        raise not_found("group", name)
    columns, label = GROUPS[name]
    return _list_columns(columns, label, request, services)


def list_metadata_group(request: AdminRequest, services: AdminServices) -> AdminResponse:
    """Return the usage by the value of one pair of the metadata."""
    return _list_columns(
        (f"{METADATA_PREFIX}{request.path_values['key']}",), "metadata_value", request, services
    )


def show_summary(request: AdminRequest, services: AdminServices) -> AdminResponse:
    """Return the sums of a time by any columns. Without a time, of the last 30 days."""
    request.require_scope(SCOPE)
    columns = split_list(request.query.get("group_by"))
    for column in columns:
        if column not in COLUMNS and not column.startswith(METADATA_PREFIX):
            raise InvalidRequest(
                f"'group_by' has '{column[:64]}'. It must be of: {', '.join(COLUMNS)}, or metadata.<name>.",
                param="group_by",
            )
    end = read_time(request.query, "end_time") or services.clock.unix_time() + 1
    start = read_time(request.query, "start_time") or end - _DEFAULT_DAYS * SECONDS_PER_DAY
    workspaces = visible_workspaces(
        request, services, request.query.get("workspace_slug", ""), (start, end)
    )
    query = UsageQuery(
        workspaces,
        start,
        end,
        SECONDS_PER_DAY,
        dimensions_of(columns),
        read_filter(request),
        request.cost_basis,
    )
    names = {one.id: one.name for one in all_workspaces(services)}
    return 200, summary_document(read_rows(query, services), columns, names)


def _list_columns(
    columns: tuple[str, ...], label: str, request: AdminRequest, services: AdminServices
) -> AdminResponse:
    query = replace(analytics_query(request, services), dimensions=dimensions_of(columns))
    items = group_items(read_rows(replace(query, width=SECONDS_PER_DAY), services), columns, label)
    return 200, list_document(items, request.query)


_GRAPHS = "/v1/analytics/graphs/"
ANALYTICS_ROUTES: dict[tuple[str, str], Callable[[AdminRequest, AdminServices], AdminResponse]] = {
    **{("GET", f"{_GRAPHS}{name}"): graph_endpoint(graph) for name, graph in GRAPHS.items()},
    ("GET", f"{_GRAPHS}errors/status-codes"): show_status_codes,
    ("GET", f"{_GRAPHS}cache/hit-rate"): show_hit_rate,
    ("GET", "/v1/analytics/summary/cache"): show_cache_summary,
    ("GET", "/v1/analytics/groups/{group}"): list_group,
    ("GET", "/v1/analytics/groups/metadata/{key}"): list_metadata_group,
    ("GET", "/v1/usage/summary"): show_summary,
}
