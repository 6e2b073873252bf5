"""The usage of an order as the order's record keeps it, one line for each attempt.

    {...}     an event that may not be in the table yet. Its status is 0 if its attempt may still run
    ~{...}    an event that is in the table and whose money is at risk: what becomes known later corrects it

A line also has what its price is made of, so that whoever finds the order after a crash can complete its event.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import orjson

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.usage.event import UsageEvent, from_record, to_record

_AT_RISK = "~"


@frozen_dataclass
class UsageLine:
    """One line: an event, and the terms of its price."""

    event: UsageEvent
    multiplier: int  # in millionths
    per_picture: int  # micro-dollars
    held: int | None = None  # what budgets hold for the attempt; None: no budget applies
    is_written: bool = False  # the event is in the table, and its money is at risk


def encode_lines(lines: Iterable[UsageLine]) -> str:
    """Return the text for the record of an order."""
    return "\n".join(map(_encode, lines))


def decode_lines(text: str) -> Sequence[UsageLine]:
    """Return the lines of a text. Raises ValueError, KeyError or TypeError."""
    return [_decode(line) for line in text.splitlines() if line]


def _encode(line: UsageLine) -> str:
    terms = {"_m": line.multiplier, "_p": line.per_picture, "_h": line.held}
    text = orjson.dumps({**to_record(line.event), **terms}).decode()
    return f"{_AT_RISK if line.is_written else ''}{text}"


def _decode(text: str) -> UsageLine:
    values = orjson.loads(text.removeprefix(_AT_RISK))
    return UsageLine(
        from_record(values), values["_m"], values["_p"], values["_h"], text.startswith(_AT_RISK)
    )
