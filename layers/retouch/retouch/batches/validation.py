"""The check of a whole batch before anything of it is bought, and the most that it can cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from retouch.batches.batch import Batch, LineError
from retouch.batches.lines import MAX_LINES, InvalidLine, RawLine, ReadRange, iter_lines, parse_line
from retouch.core.errors import Fault
from retouch.core.frozen_dataclass import frozen_dataclass

_MAX_ERRORS = 100
# Returns the highest price of an edit in micro-dollars. Raises Fault for an edit that no image could make valid.
PriceLine = Callable[[Mapping[str, Any]], int]


@frozen_dataclass
class BatchPlan:
    """What a batch will do: its lines, and the sum of their highest prices. With errors it does nothing."""

    lines: int
    worst_cost: int  # micro-dollars
    errors: tuple[LineError, ...] = ()


def plan_batch(batch: Batch, read: ReadRange, price_line: PriceLine) -> BatchPlan:
    """Return the plan of a batch, with the first errors of its lines."""
    errors: list[LineError] = []
    lines, worst_cost, numbers = 0, 0, dict[str, int]()
    try:
        for raw in iter_lines(read, batch.input_bytes):
            lines += 1
            try:
                worst_cost += _check_line(raw, numbers, price_line)
            except InvalidLine as invalid:
                errors.append(invalid.error)
            if lines > MAX_LINES:
                message = f"A batch has at most {MAX_LINES} lines. Split the file."
                errors.append(LineError("too_many_lines", message, raw.number))
            if lines > MAX_LINES or len(errors) >= _MAX_ERRORS:
                break
    except InvalidLine as invalid:
        errors.append(invalid.error)
    if not lines and not errors:
        errors.append(
            LineError(
                "empty_file", "The file has no line with an edit. Write one edit in each line."
            )
        )
    return BatchPlan(lines, worst_cost, tuple(errors))


def _check_line(raw: RawLine, numbers: dict[str, int], price_line: PriceLine) -> int:
    """Return the highest price of a line. Raises InvalidLine."""
    line = parse_line(raw)
    first = numbers.setdefault(line.custom_id, raw.number)
    if first != raw.number:
        message = f"The 'custom_id' of this line is also that of line {first}. Each line needs its own one."
        raise InvalidLine(LineError("duplicate_custom_id", message, raw.number, "custom_id"))
    try:
        return price_line(line.body)
    except Fault as fault:
        param = f"body.{fault.param}" if fault.param else "body"
        error = LineError(fault.code or "invalid_value", str(fault), raw.number, param)
        raise InvalidLine(error) from None
