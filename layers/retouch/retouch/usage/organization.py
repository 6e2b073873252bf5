"""OpenAI's usage API for organizations: buckets of usage and of costs.

Source of the shapes: openai-openapi, paths /organization/usage/images and /organization/costs. A project is a
workspace.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from retouch.usage.event import SECONDS_PER_DAY
from retouch.usage.money import dollars
from retouch.usage.totals import Totals, UsageRow

# OpenAI's names for groups, and the columns behind them.
IMAGE_GROUPS: Mapping[str, str] = {
    "project_id": "workspace",
    "user_id": "user",
    "api_key_id": "key_id",
    "model": "model",
    "size": "size",
    "source": "operation",
}
COST_GROUPS: Mapping[str, str] = {
    "project_id": "workspace",
    "user_id": "user",
    "api_key_id": "key_id",
    "line_item": "model",
}
WIDTHS: Mapping[str, int] = {"1m": 60, "1h": 3600, "1d": SECONDS_PER_DAY}
# The default and the largest number of buckets of one page.
BUCKET_LIMITS: Mapping[str, tuple[int, int]] = {"1m": (60, 1440), "1h": (24, 168), "1d": (7, 31)}
COST_BUCKET_LIMITS = (7, 180)


def image_results(rows: Iterable[UsageRow], names: Sequence[str]) -> list[dict[str, Any]]:
    """Return the usage of one bucket by these groups."""
    return [
        {
            "object": "organization.usage.images.result",
            "images": totals.pictures,
            "num_model_requests": totals.attempts,
            **{name: None for name in IMAGE_GROUPS},
            **group,
        }
        for group, totals in _sum_groups(rows, names, IMAGE_GROUPS)
    ]


def cost_results(rows: Iterable[UsageRow], names: Sequence[str]) -> list[dict[str, Any]]:
    """Return the costs of one bucket by these groups, in US dollars. Each has the price beside the cost."""
    return [
        {
            "object": "organization.costs.result",
            "amount": {"value": dollars(totals.cost), "currency": "usd"},
            "price": {"value": dollars(totals.price), "currency": "usd"},
            **{name: None for name in COST_GROUPS},
            **group,
        }
        for group, totals in _sum_groups(rows, names, COST_GROUPS)
    ]


def bucket_page(buckets: Sequence[dict[str, Any]], next_page: str | None) -> dict[str, Any]:
    """Return a page of buckets."""
    return {
        "object": "page",
        "data": list(buckets),
        "has_more": next_page is not None,
        "next_page": next_page,
    }


def bucket(start: int, end: int, results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the results of [start, end), in Unix seconds."""
    return {"object": "bucket", "start_time": start, "end_time": end, "results": list(results)}


def _sum_groups(
    rows: Iterable[UsageRow], names: Sequence[str], columns: Mapping[str, str]
) -> list[tuple[dict[str, Any], Totals]]:
    groups: dict[tuple[Any, ...], Totals] = {}
    for row in rows:
        values = tuple(_value(row, columns[name]) for name in names)
        groups.setdefault(values, Totals()).add(row.totals)
    return [
        (dict(zip(names, values, strict=True)), totals)
        for values, totals in sorted(groups.items(), key=lambda item: str(item[0]))
    ]


def _value(row: UsageRow, column: str) -> str:
    if column == "workspace":
        return row.workspace
    if column == "model":
        return f"{row.group['provider']}/{row.group['model']}" if row.group["provider"] else ""
    return str(row.group[column])
