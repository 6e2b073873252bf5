"""The charges of an order: the amounts that it holds in the rows of budgets. Money is whole micro-dollars.

The order names a charge before the amount is held, so whoever finds the order after a crash can settle it. Every step
of a charge is written to the order before the next one begins, and a ledger makes each step at most once.

    held       the amount may be held; what it becomes is not known yet
    due        what it becomes is known; the row may still hold it
    at risk    it was settled at the held amount, because nobody knows whether the provider billed it
    restoring  the outcome has become known, and the amount is to be held again and then settled at it

A job has charges before a worker works on it. The attempt of the worker takes their room over, and returns it when it
cost nothing:

    waiting    the amount may wait in the row, so that the job finds its room
    released   the job does not need it any more; the row may still have it, or get it from a slow request
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Literal, Protocol

from retouch.core.errors import Billed, BudgetUnavailable
from retouch.core.frozen_dataclass import frozen_dataclass

ChargeUnit = Literal["cost", "tokens"]
ChargeState = Literal["held", "due", "at_risk", "restoring", "waiting", "released"]
Charges = tuple["Charge", ...]


@frozen_dataclass
class Charge:
    """One amount in one row of a budget."""

    account: str
    period: str
    hold: str  # the name of the hold in the row, which is used once
    amount: int
    alert_at: int = 0  # the amount at which the operator gets a notice; 0: never
    unit: ChargeUnit = "cost"  # tokens are not held, because nobody knows how many an edit takes
    state: ChargeState = "held"
    actual: int = 0  # of a charge that is due: what it becomes
    is_at_risk: bool = False  # of a charge that is due: nobody knows whether it was billed


@frozen_dataclass
class Outcome:
    """How an attempt ended: whether it was billed, and for how much."""

    billed: Billed
    price: int | None = None  # None: at most the held amount
    tokens: int = 0


class Ledger(Protocol):
    """The rows of budgets. Every method raises BudgetUnavailable when they cannot be used."""

    def settle(self, charge: Charge, scope: str) -> bool:
        """Turn a held amount into the actual one. Return False when it was settled before.

        `scope` is the scope of the order. Only the owner of the budget gets an event about it.
        """

    def restore(self, charge: Charge) -> None:
        """Turn an amount that was settled at risk back into a held one, if it is not held."""

    def return_hold(self, charge: Charge) -> bool:
        """Turn a held amount into a waiting one. Return False when there is neither."""

    def release(self, charge: Charge) -> bool:
        """Remove the amount of a waiting job. Return False when the request of the job may still add it."""


def decide_charges(charges: Iterable[Charge], outcome: Outcome) -> Charges:
    """Return the charges with what the held ones become."""
    return tuple(_decide(one, outcome) if one.state == "held" else one for one in charges)


def return_charges(charges: Iterable[Charge], ledger: Ledger | None) -> Charges:
    """Return the charges after an attempt of a job cost nothing: its holds wait for the next attempt.

    Tokens and what cannot wait are released.
    """
    return tuple(_return(one, ledger) if one.state == "held" else one for one in charges)


def restore_charges(charges: Iterable[Charge], hold: str, outcome: Outcome) -> Charges:
    """Return the charges after the outcome of an attempt that was at risk has become known."""

    def change(charge: Charge) -> Charge:
        if charge.state != "at_risk" or charge.hold != hold:
            return charge
        return replace(_decide(charge, outcome), state="restoring")

    return tuple(map(change, charges))


def release_waiting_charges(charges: Iterable[Charge]) -> Charges:
    """Return the charges after the job needs the waiting ones no longer."""
    return tuple(
        replace(one, state="released") if one.state == "waiting" else one for one in charges
    )


def drop_taken_charges(charges: Iterable[Charge], rows: Collection[tuple[str, str]]) -> Charges:
    """Return the charges without the waiting ones of these rows, whose room a hold has taken over.

    A row is an account and a period.
    """
    return tuple(
        one for one in charges if one.state != "waiting" or (one.account, one.period) not in rows
    )


def advance_charges(charges: Iterable[Charge], ledger: Ledger | None, scope: str) -> Charges:
    """Make one step of every charge that is due, restoring or released, and return the charges that are left.

    The charges must be written to the order after each step. A step that fails now is made again by the sweeper.
    """
    advanced = (_advance(charge, ledger, scope) for charge in charges)
    return tuple(charge for charge in advanced if charge is not None)


def settle_due_charges(charges: Iterable[Charge], ledger: Ledger | None, scope: str) -> Charges:
    """Settle every charge that is due or released, and return the charges that are left."""
    settled = (
        _advance(one, ledger, scope) if one.state in ("due", "released") else one for one in charges
    )
    return tuple(charge for charge in settled if charge is not None)


def are_settled(charges: Iterable[Charge]) -> bool:
    """Return whether no charge has a step left. One that is at risk stays until its outcome becomes known."""
    return all(charge.state == "at_risk" for charge in charges)


def _return(charge: Charge, ledger: Ledger | None) -> Charge:
    try:
        if ledger and charge.unit == "cost" and ledger.return_hold(charge):
            return replace(charge, state="waiting")
    except BudgetUnavailable:
        pass  # the settlement removes what waits nevertheless
    return _decide(charge, Outcome("no"))


def _decide(charge: Charge, outcome: Outcome) -> Charge:
    if charge.unit == "tokens":
        return replace(charge, state="due", actual=outcome.tokens)
    is_at_risk = outcome.billed == "unknown"
    known = charge.amount if outcome.price is None or is_at_risk else outcome.price
    actual = 0 if outcome.billed == "no" else known
    return replace(charge, state="due", actual=actual, is_at_risk=is_at_risk)


def _advance(charge: Charge, ledger: Ledger | None, scope: str) -> Charge | None:
    if ledger is None:
        return charge
    try:
        if charge.state == "restoring":
            ledger.restore(charge)
            return replace(charge, state="due", is_at_risk=False)
        if charge.state == "released":
            return None if ledger.release(charge) else charge
        if charge.state == "due":
            is_settled = ledger.settle(charge, scope)
            return replace(charge, state="at_risk") if charge.is_at_risk and is_settled else None
    except BudgetUnavailable:
        return charge
    return charge
