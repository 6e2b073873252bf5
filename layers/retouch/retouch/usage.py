"""Token counts: what providers tell of them, made safe to add up, to price and to show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Usage = dict[str, Any]  # names to whole numbers, or to objects of the same kind


def told(usage: Any) -> Usage | None:
    """The counts of a usage object in OpenAI's form, details by kind too; what is no count is left out.

    None where nothing was counted.
    """
    if not isinstance(usage, Mapping):
        return None
    counts: Usage = {name: value for name, value in usage.items() if _is_count(value)}
    for name, value in usage.items():
        if name.endswith("_details") and isinstance(value, Mapping):
            counts[name] = {kind: number for kind, number in value.items() if _is_count(number)}
    return counts if any(map(_is_positive, counts.values())) else None


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_positive(value: Any) -> bool:
    return type(value) is int and value > 0


def total(usages: Sequence[Usage]) -> Usage:
    """The counts of several calls, summed field by field."""
    added: Usage = {}
    for usage in usages:
        for name, value in usage.items():
            had = added.get(name)
            if isinstance(value, dict):
                added[name] = total([had, value]) if isinstance(had, dict) else value
            else:
                added[name] = value + (had if isinstance(had, int) else 0)
    return added
