"""Conditional routing: queries over metadata, parameters and path, with Portkey's operators.

Example: `{"metadata.plan": {"$eq": "paid"}, "params.image_count": {"$lte": 2}}`.
`$and` and `$or` take lists of queries.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from retouch.core.edit_types import EncodedImage, FormText
from retouch.core.parameters import quote_value
from retouch.core.text.regex_syntax import PatternError
from retouch.core.text.safe_regex import LONGEST_TEXT, PATTERN_SECONDS, compile_pattern
from retouch.gateway.config_reader import InvalidConfig

RequestAttributes = Mapping[str, Any]  # "metadata.plan" -> "paid"
_MAX_DEPTH = 8
_KEY_PATTERN = re.compile(r"(metadata|params)\.[^.]+|url\.pathname")
_NUMBER_PATTERN = re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]{1,15})?", re.ASCII)


def check_query(query: Mapping[str, Any], path: str, depth: int = 0) -> int:
    """Return the number of patterns in the query. Raises InvalidConfig with the path of the first invalid part."""
    if depth > _MAX_DEPTH:
        raise InvalidConfig(path, f"is nested more than {_MAX_DEPTH} deep")
    pattern_count = 0
    for name, expected in query.items():
        if name in ("$and", "$or"):
            pattern_count += _check_query_list(expected, f"{path}.{name}", depth)
        elif not _KEY_PATTERN.fullmatch(name):
            raise _query_error(
                path, name, "is not a condition key: use metadata.x, params.x or url.pathname"
            )
        elif isinstance(expected, Mapping):
            pattern_count += _check_operators(expected, f"{path}.{name[:64]}")
    return pattern_count


def pattern_time_error() -> InvalidConfig:
    """Return the error for patterns of conditions that take too long."""
    return InvalidConfig(
        "config",
        f"has patterns that take more than {PATTERN_SECONDS:g} s for this request; write simpler patterns or send a "
        "shorter text",
    )


def matches_query(query: Mapping[str, Any], attributes: RequestAttributes) -> bool:
    """Return whether the request matches the query. `check_query` must have accepted the query before."""
    return all(_matches_clause(name, expected, attributes) for name, expected in query.items())


def _check_query_list(queries: Any, path: str, depth: int) -> int:
    if not isinstance(queries, list) or not all(isinstance(query, Mapping) for query in queries):
        raise InvalidConfig(path, "takes a list of queries")
    return sum(check_query(query, f"{path}[{i}]", depth + 1) for i, query in enumerate(queries))


def _check_operators(operators: Mapping[str, Any], path: str) -> int:
    if not operators:
        raise InvalidConfig(path, "has no operator")
    for name, operand in operators.items():
        if name not in _OPERATORS:
            raise _query_error(
                path, name, "is not an operator: use one of " + ", ".join(_OPERATORS)
            )
        if name in ("$in", "$nin") and not isinstance(operand, list):
            raise InvalidConfig(f"{path}.{name}", "takes a list")
        if name == "$regex":
            _check_pattern(operand, f"{path}.{name}")
    return int("$regex" in operators)


def _check_pattern(pattern: Any, path: str) -> None:
    if not isinstance(pattern, str):
        raise InvalidConfig(path, "takes a pattern as a string")
    try:
        compile_pattern(pattern)
    except PatternError as error:
        raise InvalidConfig(path, str(error)) from None


def _query_error(path: str, name: str, rule: str) -> InvalidConfig:
    return InvalidConfig(path, f"has {quote_value(name)}, which {rule}")


def _matches_clause(name: str, expected: Any, attributes: RequestAttributes) -> bool:
    if name == "$and":
        return all(matches_query(query, attributes) for query in expected)
    if name == "$or":
        return any(matches_query(query, attributes) for query in expected)
    value = attributes.get(name)
    if not isinstance(expected, Mapping):
        return _is_equal(value, expected)
    return all(
        _OPERATORS[operator_name](value, operand) for operator_name, operand in expected.items()
    )


def _convert_text(value: Any, operand: Any) -> Any:
    """Return form text converted to the operand's type. Other values are returned unchanged."""
    if isinstance(value, FormText) and isinstance(operand, bool):
        return {"true": True, "false": False}.get(value.lower(), value)
    if (
        isinstance(value, FormText)
        and isinstance(operand, int | float)
        and _NUMBER_PATTERN.fullmatch(value)
    ):
        return float(value)
    return value


def _is_equal(value: Any, operand: Any) -> bool:
    value = _convert_text(value, operand)
    return isinstance(value, bool) == isinstance(operand, bool) and bool(value == operand)


def _ordering_operator(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """Return an operator that orders numbers with numbers and strings with strings. Other pairs never match."""

    def compare_values(value: Any, operand: Any) -> bool:
        value = _convert_text(value, operand)
        return (
            _ordering_type(value) is not None
            and _ordering_type(value) == _ordering_type(operand)
            and compare(value, operand)
        )

    return compare_values


def _ordering_type(value: Any) -> str | None:
    if isinstance(value, str):
        return "text"
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else None


def _is_member(value: Any, operand: list[Any]) -> bool:
    return any(_is_equal(value, item) for item in operand)


def _matches_pattern(value: Any, pattern: str) -> bool:
    """Return whether the pattern occurs in the first LONGEST_TEXT characters. No field of an edit is longer."""
    return value is not None and compile_pattern(pattern).search(str(value)[:LONGEST_TEXT])


_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "$eq": _is_equal,
    "$ne": lambda value, operand: not _is_equal(value, operand),
    "$gt": _ordering_operator(operator.gt),
    "$gte": _ordering_operator(operator.ge),
    "$lt": _ordering_operator(operator.lt),
    "$lte": _ordering_operator(operator.le),
    "$in": _is_member,
    "$nin": lambda value, operand: not _is_member(value, operand),
    "$regex": _matches_pattern,
}


def request_attributes(
    values: Mapping[str, Any],
    images: Sequence[EncodedImage],
    has_mask: bool,
    metadata: Mapping[str, str],
    path: str,
) -> Mapping[str, Any]:
    """Return the request's attributes by key, for example "params.model".

    `values` are the request's fields. Form text stays `FormText`, and metadata becomes `FormText`, so that both
    compare as numbers with numbers. The computed attributes replace fields of the same name. Megapixels describe the
    first image.
    """
    attributes: dict[str, Any] = {
        f"metadata.{name}": FormText(value) for name, value in metadata.items()
    }
    attributes |= {f"params.{name}": value for name, value in values.items()}
    attributes["params.image_count"] = len(images)
    attributes["params.has_mask"] = has_mask
    attributes["params.megapixels"] = images[0].width * images[0].height / 1e6 if images else 0.0
    attributes["url.pathname"] = path
    return attributes
