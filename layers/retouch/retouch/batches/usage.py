"""The tokens of a batch: the sum of what the providers state about its edits, in the shape of OpenAI's batches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

Usage = Mapping[str, Any]


def sum_usage(usages: Iterable[Usage]) -> str:
    """Return the sum as JSON. Empty: no edit has stated its tokens."""
    stated = [usage for usage in usages if usage]
    if not stated:
        return ""
    inputs, outputs = _sum(stated, "input_tokens"), _sum(stated, "output_tokens")
    return orjson.dumps(
        {
            "input_tokens": inputs,
            "input_tokens_details": {
                "cached_tokens": _sum_details(stated, "input_tokens_details", "cached_tokens")
            },
            "output_tokens": outputs,
            "output_tokens_details": {
                "reasoning_tokens": _sum_details(
                    stated, "output_tokens_details", "reasoning_tokens"
                )
            },
            "total_tokens": _sum(stated, "total_tokens") or inputs + outputs,
        }
    ).decode()


def _sum(usages: Iterable[Usage], name: str) -> int:
    numbers = (usage.get(name) for usage in usages)
    return sum(number for number in numbers if isinstance(number, int))


def _sum_details(usages: Iterable[Usage], group: str, name: str) -> int:
    details = (usage.get(group) for usage in usages)
    return _sum([one for one in details if isinstance(one, Mapping)], name)
