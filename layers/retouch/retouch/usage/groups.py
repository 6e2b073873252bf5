"""Lists of usage by group: Portkey's groups, and our own summary by any columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from retouch.usage.money import dollars
from retouch.usage.totals import DIMENSIONS, Totals, UsageRow, sum_rows

# Portkey's name of a group: the columns that it needs, and the name of its value in the answer.
GROUPS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "users": (("user",), "user"),
    "ai-models": (("provider", "model"), "ai_model"),
    "workspaces": (("workspace",), "workspace"),
    "api-keys": (("key_id",), "api_key_id"),
    "virtual-keys": (("virtual_key",), "virtual_key"),
    "configs": (("config",), "config"),
    "status-codes": (("status",), "status_code"),
}
WORKSPACE, WORKSPACE_NAME = "workspace", "workspace_name"
METADATA_PREFIX = "metadata."
# The columns by which the summary may be grouped.
COLUMNS = (WORKSPACE, *DIMENSIONS, "size", "user", "source", "trace", "code", "blame", "billed")


def dimensions_of(columns: Iterable[str]) -> tuple[str, ...]:
    """Return the columns that are dimensions. The workspace is not: each row has it."""
    return tuple(column for column in columns if column != WORKSPACE)


def group_items(
    rows: Sequence[UsageRow], columns: Sequence[str], label: str
) -> list[dict[str, Any]]:
    """Return one item for each value of a group, the largest cost first."""
    return [
        {
            label: "/".join(str(value) for value in values),
            **_amounts(totals),
            "object": "analytics-group",
        }
        for values, totals in _sorted_groups(rows, columns)
        if any(str(value) for value in values)
    ]


def summary_document(
    rows: Sequence[UsageRow], columns: Sequence[str], workspace_names: Mapping[str, str]
) -> dict[str, Any]:
    """Return the sums of all rows, and the sums by these columns. A deleted workspace has no name."""
    groups = _sorted_groups(rows, columns) if columns else []
    return {
        "object": "usage.summary",
        "success": True,
        "unit": "usd",
        "totals": _amounts(sum_rows(rows)),
        "data": [
            {**_values(columns, values, workspace_names), **_amounts(totals)}
            for values, totals in groups
        ],
    }


def _values(
    columns: Sequence[str], values: Sequence[Any], workspace_names: Mapping[str, str]
) -> dict[str, Any]:
    named = dict(zip(columns, values, strict=True))
    if WORKSPACE not in named:
        return named
    return {WORKSPACE_NAME: workspace_names.get(named[WORKSPACE], ""), **named}


def _sorted_groups(
    rows: Sequence[UsageRow], columns: Sequence[str]
) -> list[tuple[tuple[Any, ...], Totals]]:
    groups: dict[tuple[Any, ...], Totals] = {}
    for row in rows:
        values = tuple(
            row.workspace if column == WORKSPACE else row.group[column] for column in columns
        )
        groups.setdefault(values, Totals()).add(row.totals)
    return sorted(groups.items(), key=lambda item: (-item[1].cost, -item[1].requests, str(item[0])))


def _amounts(totals: Totals) -> dict[str, Any]:
    return {
        "requests": totals.requests,
        "attempts": totals.attempts,
        "pictures": totals.pictures,
        "tokens": totals.tokens,
        "cost": dollars(totals.cost),
        "price": dollars(totals.price),
        "at_risk": dollars(totals.at_risk),
        "overruns": dollars(totals.overrun),
        "unpriced_attempts": totals.unpriced,
    }
