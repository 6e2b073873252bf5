"""The row of a budget in one period, as pure functions from the present row to the next one. Money is micro-dollars.

An edit holds the most that it may cost before it is bought. Its end settles the hold at the real price, or releases it.
`taken` counts the holds and everything that was settled. A table makes each change in one conditional write, so two
processes never both take the last of a budget. The name of a hold is used once, so a repeated write changes nothing.

    hold            taken + amount                           if there is room, and not too many others hold
    settle          taken + actual - amount, spent + actual  if the hold is there; it is gone afterwards
    restore         spent - amount, at risk - amount         if the hold is not there; it is there again afterwards
    add waiting     taken + amount                           if there is room, and not too many jobs wait
    remove waiting  taken - amount                           if the waiting amount is there; it is gone afterwards
    return          taken                                    if the hold is there; it is a waiting amount afterwards

A settlement at 0 is a release. One whose outcome nobody knows counts the held amount as spent and as at risk. `restore`
turns it back into a hold when the outcome becomes known.

A job that waits for a worker has a waiting amount, which is no hold: it does not count as an edit that runs. The
attempt of the worker takes it over: one write removes the waiting amount and adds the hold. An attempt that cost
nothing returns its hold, so the next attempt finds its room.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from typing import Literal

from retouch.core.frozen_dataclass import frozen_dataclass

HoldOutcome = Literal["held", "no_room", "too_many"]
# Jobs with an amount in one row. Each write of a row is billed by its size.
MAX_WAITING = 300


@frozen_dataclass
class RowHold:
    """An amount that one attempt of an order holds, and the Unix time at which its process has surely ended."""

    amount: int
    lease: int


@frozen_dataclass
class WaitingAmount:
    """The amount of a job that waits for a worker, and its name in the row."""

    name: str
    amount: int


@frozen_dataclass
class BudgetRow:
    """What is used of a budget in one period."""

    taken: int = 0
    spent: int = 0
    at_risk: int = 0  # the part of `spent` of which nobody knows whether it was paid
    holds: Mapping[str, RowHold] = field(default_factory=dict)
    last_at_risk: str = ""  # the hold that was last settled at risk
    last_restored: str = (
        ""  # the hold that was last restored, so that a late repetition changes nothing
    )
    is_alerted: bool = False  # the threshold was reported
    waiting: Mapping[str, int] = field(default_factory=dict)  # the amounts of waiting jobs


@frozen_dataclass
class RowLimit:
    """What a hold must not exceed: the amount that may be taken (None: any), and the holds at the same time."""

    amount: int | None
    holds: int


def check_hold(row: BudgetRow, name: str, hold: RowHold, limit: RowLimit) -> HoldOutcome:
    """Return what becomes of a hold. One that is there already is held: the response to its write was lost."""
    if name in row.holds:
        return "held"
    if len(row.holds) >= limit.holds:
        return "too_many"
    if limit.amount is not None and row.taken + hold.amount > limit.amount:
        return "no_room"
    return "held"


def add_hold(row: BudgetRow, name: str, hold: RowHold) -> BudgetRow:
    """Return the row with the hold, which `check_hold` has permitted."""
    if name in row.holds:
        return row
    return replace(row, taken=row.taken + hold.amount, holds={**row.holds, name: hold})


def check_waiting(row: BudgetRow, new: WaitingAmount, most: int) -> HoldOutcome:
    """Return whether a waiting amount may be added, so that not more than `most` is taken then."""
    if new.name in row.waiting:
        return "held"
    if len(row.waiting) >= MAX_WAITING:
        return "too_many"
    return "no_room" if row.taken + new.amount > most else "held"


def add_waiting(row: BudgetRow, new: WaitingAmount) -> BudgetRow:
    """Return the row with the waiting amount, which `check_waiting` has permitted."""
    if new.name in row.waiting:
        return row
    waiting = {**row.waiting, new.name: new.amount}
    return replace(row, taken=row.taken + new.amount, waiting=waiting)


def remove_waiting(row: BudgetRow, name: str) -> BudgetRow | None:
    """Return the row without the waiting amount. None: it is not there."""
    if name not in row.waiting:
        return None
    rest = {other: amount for other, amount in row.waiting.items() if other != name}
    return replace(row, taken=row.taken - row.waiting[name], waiting=rest)


def return_hold(row: BudgetRow, name: str) -> BudgetRow | None:
    """Return the row after the hold has become a waiting amount of the same name. None: the hold is not there."""
    hold = row.holds.get(name)
    if hold is None:
        return None
    holds = {other: one for other, one in row.holds.items() if other != name}
    return replace(row, holds=holds, waiting={**row.waiting, name: hold.amount})


def settle_hold(row: BudgetRow, name: str, actual: int, at_risk: int = 0) -> BudgetRow | None:
    """Return the row after the hold has become `actual`. None: the hold is not there.

    A settlement at risk that is repeated because its response was lost returns the row as it is.
    """
    hold = row.holds.get(name)
    if hold is None:
        return row if at_risk and row.last_at_risk == name else None
    return replace(
        row,
        taken=row.taken + actual - hold.amount,
        spent=row.spent + actual,
        at_risk=row.at_risk + at_risk,
        last_at_risk=name if at_risk else row.last_at_risk,
        holds={other: one for other, one in row.holds.items() if other != name},
    )


def restore_hold(row: BudgetRow, name: str, hold: RowHold) -> BudgetRow | None:
    """Return the row with the hold as it was before it was settled at risk. None: it is there or was restored."""
    if name in row.holds or name == row.last_restored:
        return None
    return replace(
        row,
        spent=row.spent - hold.amount,
        at_risk=row.at_risk - hold.amount,
        last_restored=name,
        holds={**row.holds, name: hold},
    )
