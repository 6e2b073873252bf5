"""Conditional routing: queries over metadata, parameters and path, with Portkey's operators.

`{"metadata.plan": {"$eq": "paid"}, "params.image_count": {"$lte": 2}}`; `$and` and `$or` take lists of queries.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from retouch.messages import Text
from retouch.regex import LONGEST_TEXT, PatternError, compiled
from retouch.routing.problems import InvalidConfig
from retouch.specs import shown

Facts = Mapping[str, Any]  # "metadata.plan" -> "paid"
_DEEPEST = 8
_KEY = re.compile(r"(metadata|params)\.[^.]+|url\.pathname")
_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]{1,15})?", re.ASCII)


def check(query: Mapping[str, Any], path: str, depth: int = 0) -> int:
    """How many patterns it has. InvalidConfig for whatever could not be asked of any request, naming its place."""
    if depth > _DEEPEST:
        raise InvalidConfig(path, f"is nested more than {_DEEPEST} deep")
    patterns = 0
    for name, wanted in query.items():
        if name in ("$and", "$or"):
            patterns += _check_list(wanted, f"{path}.{name}", depth)
        elif not _KEY.fullmatch(name):
            raise _wrong(path, name, "is no key: use metadata.x, params.x or url.pathname")
        elif isinstance(wanted, Mapping):
            patterns += _check_operators(wanted, f"{path}.{name[:64]}")
    return patterns


def matches(query: Mapping[str, Any], facts: Facts) -> bool:
    """Whether a request is like that; the query has been checked."""
    return all(_holds(name, wanted, facts) for name, wanted in query.items())


def _check_list(wanted: Any, path: str, depth: int) -> int:
    if not isinstance(wanted, list) or not all(isinstance(one, Mapping) for one in wanted):
        raise InvalidConfig(path, "takes a list of queries")
    return sum(check(one, f"{path}[{i}]", depth + 1) for i, one in enumerate(wanted))


def _check_operators(wanted: Mapping[str, Any], path: str) -> int:
    if not wanted:
        raise InvalidConfig(path, "has no operator")
    for name, operand in wanted.items():
        if name not in _OPERATORS:
            raise _wrong(path, name, "is no operator: use one of " + ", ".join(_OPERATORS))
        if name in ("$in", "$nin") and not isinstance(operand, list):
            raise InvalidConfig(f"{path}.{name}", "takes a list")
        if name == "$regex":
            _check_pattern(operand, f"{path}.{name}")
    return int("$regex" in wanted)


def _check_pattern(pattern: Any, path: str) -> None:
    if not isinstance(pattern, str):
        raise InvalidConfig(path, "takes a pattern as text")
    try:
        compiled(pattern)
    except PatternError as wrong:
        raise InvalidConfig(path, str(wrong)) from None


def _wrong(path: str, name: str, rule: str) -> InvalidConfig:
    return InvalidConfig(path, f"has {shown(name)}, which {rule}")


def _holds(name: str, wanted: Any, facts: Facts) -> bool:
    if name == "$and":
        return all(matches(one, facts) for one in wanted)
    if name == "$or":
        return any(matches(one, facts) for one in wanted)
    value = facts.get(name)
    if not isinstance(wanted, Mapping):
        return _same(value, wanted)
    return all(_OPERATORS[op](value, operand) for op, operand in wanted.items())


def _typed(value: Any, operand: Any) -> Any:
    """Text without a type of its own takes that of what it is compared with."""
    if isinstance(value, Text) and isinstance(operand, bool):
        return {"true": True, "false": False}.get(value.lower(), value)
    if isinstance(value, Text) and isinstance(operand, int | float) and _NUMBER.fullmatch(value):
        return float(value)
    return value


def _same(value: Any, operand: Any) -> bool:
    value = _typed(value, operand)
    return isinstance(value, bool) == isinstance(operand, bool) and bool(value == operand)


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """Only numbers with numbers and texts with texts can be ordered; the rest never matches."""

    def ordered(value: Any, operand: Any) -> bool:
        value = _typed(value, operand)
        return (
            _order(value) is not None
            and _order(value) == _order(operand)
            and compare(value, operand)
        )

    return ordered


def _order(value: Any) -> str | None:
    if isinstance(value, str):
        return "text"
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else None


def _member(value: Any, operand: list[Any]) -> bool:
    return any(_same(value, one) for one in operand)


def _regex(value: Any, pattern: str) -> bool:
    """Whether the pattern is found in the text. No field of an edit is longer than what is looked at."""
    return value is not None and compiled(pattern).search(str(value)[:LONGEST_TEXT])


_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "$eq": _same,
    "$ne": lambda value, operand: not _same(value, operand),
    "$gt": _ordered(operator.gt),
    "$gte": _ordered(operator.ge),
    "$lt": _ordered(operator.lt),
    "$lte": _ordered(operator.le),
    "$in": _member,
    "$nin": lambda value, operand: not _member(value, operand),
    "$regex": _regex,
}
