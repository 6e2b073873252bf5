"""Regular expressions from strangers: how much of a text they may look at, so that a search ends quickly.

Python's matcher goes back and tries again, so some patterns take longer than anyone has. How many ways a pattern
can be tried is counted from its parts before it is ever used: a choice adds, a sequence multiplies, and a group that
repeats takes the count to the power of its repeats, which is what makes `(a+)+` endless.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from math import inf, prod
from re import _parser  # type: ignore[attr-defined]  # no public way to a pattern's parts
from typing import Any

_LENGTHS = (4096, 256, 64)  # characters looked at: the first that is quick enough
_MOST_WAYS = 2e7  # about a third of a second
_SINGLE = ("LITERAL", "NOT_LITERAL", "ANY", "IN")
_REPEATS = ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")
_MOST_POWER = 64  # 2 ** 64 ways are too many already


@lru_cache(256)
def reach(pattern: str) -> int:
    """How many characters of a text the pattern may look at; 0 where it is never quick. re.error if invalid."""
    re.compile(pattern)
    parts = _parser.parse(pattern)
    return next((n for n in _LENGTHS if n * _ways(parts, n) <= _MOST_WAYS), 0)


def _ways(parts: Iterable[tuple[Any, Any]], longest: int) -> float:
    return min(prod(_part(str(op), of, longest) for op, of in parts), inf)


def _part(op: str, of: Any, longest: int) -> float:
    if op == "BRANCH":
        return sum(_ways(way, longest) for way in of[1])
    if op in _REPEATS:
        low, high, repeated = of
        return _repeat(low, high, repeated, longest)
    if op == "GROUPREF":
        return float(longest)  # compared character by character
    if op == "GROUPREF_EXISTS":
        return sum(_ways(way, longest) for way in of[1:] if way)
    if op in ("SUBPATTERN", "ASSERT", "ASSERT_NOT", "ATOMIC_GROUP"):
        return _ways(of if op == "ATOMIC_GROUP" else of[-1], longest)
    return 1.0  # one character, or a place


def _repeat(low: Any, high: Any, of: Any, longest: int) -> float:
    high = min(int(high), longest)
    if len(of) == 1 and str(of[0][0]) in _SINGLE:
        return float(max(high - int(low), 0) + 1)
    # A group counts as two ways at least, for it may match nothing at all and be repeated for ever.
    ways = max(_ways(of, longest), 2.0)
    return inf if high > _MOST_POWER or ways > longest else (high + 1) * ways**high
