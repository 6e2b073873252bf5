"""The graphs of Portkey's analytics, made of sums. Each has a summary and one point for each span of time.

Source of the shapes: Portkey-AI/openapi, paths /analytics/graphs/*, 2026-06-12. Amounts are in US dollars.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.usage.event import format_time
from retouch.usage.histogram import percentile
from retouch.usage.money import dollars
from retouch.usage.totals import Totals, UsageRow, sum_rows

Rows = Sequence[UsageRow]
Fields = dict[str, Any]
_PERCENTILES = (50, 90, 99)
_HIT = "HIT"


@frozen_dataclass
class Graph:
    """A graph: the groups that it needs, its summary, and its point for one span of time."""

    dimensions: tuple[str, ...]
    summarize: Callable[[Rows], Fields]
    point: Callable[[Rows], Fields]


def graph_document(graph: Graph, rows: Rows, starts: Iterable[int]) -> Fields:
    """Return a graph with one point for each span of time, also for those without usage."""
    spans: Mapping[int, list[UsageRow]] = _group(rows, lambda row: row.start)
    points = [
        {"timestamp": show_timestamp(start), **graph.point(spans.get(start, []))}
        for start in starts
    ]
    return graph_envelope(graph.summarize(rows), points)


def status_codes_document(rows: Rows) -> Fields:
    """Return the graph of the statuses of errors, which has one point for each status."""
    counts = _error_counts(rows)
    points = [{"status_code": status, "count": count} for status, count in counts.items()]
    summary = {"total_errors": sum(counts.values()), "unique_error_codes": len(counts)}
    return graph_envelope(summary, points)


def cache_savings_document(rows: Rows, starts: Iterable[int]) -> Fields:
    """Return the graph of cache hits. A hit saves what an edit with the same model cost on average."""
    averages = _average_costs(rows)
    spans = _group(rows, lambda row: row.start)
    saved, points = 0.0, []
    for start in starts:
        span = spans.get(start, [])
        hits = _hits(span)
        saved += sum(
            row.totals.requests * averages.get(_model_of(row), 0.0) for row in _hit_rows(span)
        )
        points.append(
            {
                "timestamp": show_timestamp(start),
                "simple_hits": hits,
                "semantic_hits": 0,
                "rate": _percent(hits, sum_rows(span).requests),
                "cumulative_simple_cache_savings": dollars(round(saved)),
                "cumulative_semantic_cache_savings": 0,
            }
        )
    hits = _hits(rows)
    return graph_envelope({"total": hits, "rate": _percent(hits, sum_rows(rows).requests)}, points)


def cache_summary(rows: Rows) -> Fields:
    """Return the summary of the cache: hits, their latency, and how much faster they are than other edits."""
    hits = sum_rows(_hit_rows(rows))
    others = sum_rows(row for row in rows if row.group["cache"] != _HIT)
    hit_ms, other_ms = _average(hits.ms, hits.timed), _average(others.ms, others.timed)
    speedup = round((other_ms - hit_ms) / other_ms * 100) if hits.timed and other_ms else 0
    summary = {
        "hits": hits.requests,
        "avg_latency": round(hit_ms),
        "total_requests": hits.requests + others.requests,
        "cache_speedup": speedup,
    }
    return {"success": True, "summary": summary, "object": "analytics-summary"}


def graph_envelope(summary: Fields, points: Sequence[Fields]) -> Fields:
    """Return a graph as Portkey's API writes it, with the unit of its amounts."""
    return {
        "success": True,
        "summary": summary,
        "data_points": points,
        "object": "analytics-graph",
        "unit": "usd",
    }


def _requests(rows: Rows) -> Fields:
    return {"total": sum_rows(rows).requests}


def _cost(rows: Rows) -> Fields:
    totals = sum_rows(rows)
    return {
        "total": dollars(totals.cost),
        "avg": dollars(round(_average(totals.cost, totals.requests))),
        "price": dollars(totals.price),
    }


def _latency(rows: Rows) -> Fields:
    totals = sum_rows(rows)
    percentiles = {f"p{one}": percentile(totals.latencies, one) for one in _PERCENTILES}
    return {"avg": round(_average(totals.ms, totals.timed)), **percentiles}


def _tokens(rows: Rows) -> Fields:
    totals = sum_rows(rows)
    return {"total": totals.tokens, "avg": round(_average(totals.tokens, totals.requests))}


def _users(rows: Rows) -> Fields:
    return {"total": len(_user_names(rows))}


def _user_requests(rows: Rows) -> Fields:
    users = _user_names(rows)
    total = sum_rows(row for row in rows if row.group["user"]).requests
    return {"total": total, "unique": len(users), "avg": round(_average(total, len(users)), 2)}


def _errors(rows: Rows) -> Fields:
    return {"total": sum(_error_counts(rows).values())}


def _error_rate(rows: Rows) -> Fields:
    return {"rate": _percent(sum(_error_counts(rows).values()), sum_rows(rows).requests)}


def _error_stacks(rows: Rows) -> Fields:
    stats = [
        {"response_status_code": status, "count": count}
        for status, count in _error_counts(rows).items()
    ]
    return {"stats": stats}


def _rescue_fields(rows: Rows) -> Fields:
    counts = _rescue_counts(rows)
    fallback = counts.pop("fallback", 0)
    return {"retry": sum(counts.values()), "fallback": fallback}


def _rescue_point(rows: Rows) -> Fields:
    counts = _rescue_counts(rows)
    fallback = counts.pop("fallback", 0)
    retries = [
        {"retry_success_count": int(rescue.partition("-")[2]), "count": count}
        for rescue, count in sorted(counts.items())
    ]
    return {"retry": retries, "fallback": fallback}


def _hit_latency(rows: Rows) -> Fields:
    hits = sum_rows(_hit_rows(rows))
    return {"avg": round(_average(hits.ms, hits.timed))}


# By their path below /v1/analytics/graphs/. The graphs of feedback are made elsewhere.
GRAPHS: Mapping[str, Graph] = {
    "requests": Graph((), _requests, _requests),
    "cost": Graph((), _cost, _cost),
    "latency": Graph((), _latency, _latency),
    "tokens": Graph((), _tokens, _tokens),
    "users": Graph(("user",), _users, _users),
    "users/requests": Graph(("user",), _user_requests, _user_requests),
    "errors": Graph(("status",), _errors, _errors),
    "errors/rate": Graph(("status",), _error_rate, _error_rate),
    "errors/stacks": Graph(("status",), _errors, _error_stacks),
    "requests/rescued": Graph(("rescue",), _rescue_fields, _rescue_point),
    "cache/latency": Graph(("cache",), lambda _: {}, _hit_latency),
}
CACHE_DIMENSIONS = ("provider", "model", "cache")


def _group(rows: Rows, key: Callable[[UsageRow], Any]) -> dict[Any, list[UsageRow]]:
    groups: dict[Any, list[UsageRow]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return groups


def _counts(rows: Rows, dimension: str) -> dict[Any, int]:
    """Return the requests by the value of a dimension, without values that have none."""
    groups = _group(rows, lambda row: row.group[dimension])
    counts = {value: sum_rows(group).requests for value, group in sorted(groups.items())}
    return {value: count for value, count in counts.items() if count}


def _error_counts(rows: Rows) -> dict[int, int]:
    return {status: count for status, count in _counts(rows, "status").items() if status >= 400}


def _rescue_counts(rows: Rows) -> dict[str, int]:
    return {rescue: count for rescue, count in _counts(rows, "rescue").items() if rescue}


def _user_names(rows: Rows) -> set[str]:
    return {row.group["user"] for row in rows} - {""}


def _hit_rows(rows: Rows) -> list[UsageRow]:
    return [row for row in rows if row.group["cache"] == _HIT]


def _hits(rows: Rows) -> int:
    return sum_rows(_hit_rows(rows)).requests


def _average_costs(rows: Rows) -> dict[Any, float]:
    """Return what an edit that the cache did not have cost on average, by model."""
    totals: dict[Any, Totals] = defaultdict(Totals)
    for row in rows:
        if row.group["cache"] != _HIT and row.totals.cost:
            totals[_model_of(row)].add(row.totals)
    return {model: _average(sums.cost, sums.requests) for model, sums in totals.items()}


def _model_of(row: UsageRow) -> tuple[str, str]:
    return row.group["provider"], row.group["model"]


def _average(total: float, count: int) -> float:
    return total / count if count else 0.0


def _percent(part: int, whole: int) -> float:
    return round(part / whole * 100, 2) if whole else 0


def show_timestamp(unix_time: int) -> str:
    """Return a time as Portkey writes it."""
    return f"{format_time(unix_time)[:-1]}.000Z"
