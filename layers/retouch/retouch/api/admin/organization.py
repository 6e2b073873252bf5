"""OpenAI's usage API: GET /v1/organization/usage/images and GET /v1/organization/costs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from retouch.api.admin.request import AdminRequest, AdminResponse, AdminServices
from retouch.api.admin.usage_params import SCOPE, read_rows, split_list, visible_workspaces
from retouch.core.errors import InvalidRequest
from retouch.usage.event import SECONDS_PER_DAY
from retouch.usage.filters import UsageFilter
from retouch.usage.groups import dimensions_of
from retouch.usage.organization import (
    BUCKET_LIMITS,
    COST_BUCKET_LIMITS,
    COST_GROUPS,
    IMAGE_GROUPS,
    WIDTHS,
    bucket,
    bucket_page,
    cost_results,
    image_results,
)
from retouch.usage.query import UsageQuery
from retouch.usage.totals import UsageRow

_MAX_TIME = 10**11
_Results = Callable[[Iterable[UsageRow], Sequence[str]], list[dict[str, Any]]]


def show_image_usage(request: AdminRequest, services: AdminServices) -> AdminResponse:
    """Return the pictures and the requests by time and group."""
    width = _choice(request, "bucket_width", tuple(WIDTHS), "1d")
    filter_ = UsageFilter(
        key_ids=_list(request, "api_key_ids"),
        users=_list(request, "user_ids"),
        models=_models(_list(request, "models")),
        sizes=_list(request, "sizes"),
        operations=_list(request, "sources"),
    )
    return _show_buckets(
        request, services, WIDTHS[width], BUCKET_LIMITS[width], filter_, IMAGE_GROUPS, image_results
    )


def show_costs(request: AdminRequest, services: AdminServices) -> AdminResponse:
    """Return the costs by day and group."""
    _choice(request, "bucket_width", ("1d",), "1d")
    filter_ = UsageFilter(
        key_ids=_list(request, "api_key_ids"), models=_models(_list(request, "line_items"))
    )
    return _show_buckets(
        request, services, SECONDS_PER_DAY, COST_BUCKET_LIMITS, filter_, COST_GROUPS, cost_results
    )


def _show_buckets(
    request: AdminRequest,
    services: AdminServices,
    width: int,
    limits: tuple[int, int],
    filter_: UsageFilter,
    columns: Mapping[str, str],
    make_results: _Results,
) -> AdminResponse:
    request.require_scope(SCOPE)
    names = _group_names(request, columns)
    start, last = _time_range(request, services, width)
    end = min(last, start + _limit(request, limits) * width)
    dimensions = {columns[name] for name in names}
    if "model" in dimensions:
        dimensions.add("provider")
    workspaces = visible_workspaces(
        request, services, ",".join(_list(request, "project_ids")), (start, end)
    )
    query = UsageQuery(
        workspaces,
        start,
        end,
        width,
        dimensions_of(sorted(dimensions)),
        filter_,
        request.cost_basis,
    )
    rows = read_rows(query, services)
    buckets = [
        bucket(begin, begin + width, make_results([r for r in rows if r.start == begin], names))
        for begin in range(start, end, width)
    ]
    return 200, bucket_page(buckets, str(end) if end < last else None)


def _group_names(request: AdminRequest, columns: Mapping[str, str]) -> list[str]:
    """Return the sorted names in `group_by`. Raises InvalidRequest for a name without a column."""
    names = sorted(_list(request, "group_by"))
    for name in names:
        if name not in columns:
            raise InvalidRequest(
                f"'group_by' has '{name[:64]}'. It must be of: {', '.join(columns)}.",
                param="group_by",
            )
    return names


def _time_range(request: AdminRequest, services: AdminServices, width: int) -> tuple[int, int]:
    """Return when the page begins, which is the start of a bucket, and when the whole range ends."""
    start = _time(request, "page") or _time(request, "start_time")
    if start is None:
        raise InvalidRequest(
            "'start_time' is required: seconds since 1970.",
            param="start_time",
            code="missing_required_parameter",
        )
    last = _time(request, "end_time") or services.clock.unix_time() + 1
    return start // width * width, last


def _list(request: AdminRequest, name: str) -> frozenset[str]:
    """Return a list of the query: with commas, repeated, or with brackets as OpenAI's SDKs send it."""
    values = [*request.query_list(name), *request.query_list(f"{name}[]")]
    return frozenset(item for value in values for item in split_list(value))


def _models(names: Iterable[str]) -> frozenset[tuple[str, str]]:
    """Return the models of ids such as openai/gpt-image-2, or without the provider."""
    pairs = (name.rpartition("/") for name in names)
    return frozenset((provider, model) for provider, _, model in pairs)


def _choice(request: AdminRequest, name: str, choices: tuple[str, ...], default: str) -> str:
    text = request.query.get(name) or default
    if text not in choices:
        raise InvalidRequest(
            f"'{name}' is '{text[:64]}'. It must be {' or '.join(choices)}.", param=name
        )
    return text


def _time(request: AdminRequest, name: str) -> int | None:
    text = request.query.get(name)
    return _whole_number(text, name, 0, _MAX_TIME) if text else None


def _limit(request: AdminRequest, limits: tuple[int, int]) -> int:
    default, maximum = limits
    text = request.query.get("limit")
    return _whole_number(text, "limit", 1, maximum) if text else default


def _whole_number(text: str, name: str, minimum: int, maximum: int) -> int:
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(maximum))
    if is_number and minimum <= int(text) <= maximum:
        return int(text)
    raise InvalidRequest(
        f"'{name}' is '{text[:32]}'. It must be a whole number from {minimum} to {maximum}.",
        param=name,
    )


ORGANIZATION_ROUTES = {
    ("GET", "/v1/organization/usage/images"): show_image_usage,
    ("GET", "/v1/organization/costs"): show_costs,
}
