"""Token counts from providers, cleaned so that they can be summed, priced and returned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Usage = dict[str, Any]  # names to whole numbers, or to nested objects of the same form


def token_counts(usage: Any) -> Usage | None:
    """Return the counts of a usage object in OpenAI's form, with its details. Values that are not counts are left out.

    Returns None when no count is positive.
    """
    if not isinstance(usage, Mapping):
        return None
    counts: Usage = {name: value for name, value in usage.items() if _is_count(value)}
    for name, value in usage.items():
        if name.endswith("_details") and isinstance(value, Mapping):
            counts[name] = {kind: number for kind, number in value.items() if _is_count(number)}
    return counts if any(map(_is_positive_count, counts.values())) else None


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_positive_count(value: Any) -> bool:
    return type(value) is int and value > 0


def sum_usage(usages: Sequence[Usage]) -> Usage:
    """Return the counts of several calls, summed field by field."""
    totals: Usage = {}
    for usage in usages:
        for name, value in usage.items():
            previous = totals.get(name)
            if isinstance(value, dict):
                totals[name] = sum_usage([previous, value]) if isinstance(previous, dict) else value
            else:
                totals[name] = value + (previous if isinstance(previous, int) else 0)
    return totals


def total_tokens(usage: Usage | None) -> int:
    """Return the number of all tokens in a usage object of OpenAI's form."""
    counts = usage or {}
    both = counts.get("input_tokens", 0) + counts.get("output_tokens", 0)
    return int(counts.get("total_tokens") or both)
