"""Tests of the row of a budget: what fits into it exactly, and what a repeated write changes."""

from dataclasses import replace

import pytest

from retouch.tenants.budget_rows import (
    MAX_WAITING,
    BudgetRow,
    RowHold,
    RowLimit,
    WaitingAmount,
    add_hold,
    add_waiting,
    check_hold,
    check_waiting,
    remove_waiting,
    restore_hold,
    return_hold,
    settle_hold,
)

HOLD = RowHold(40, lease=900)
HELD = add_hold(BudgetRow(taken=60, spent=60), "a", HOLD)
LIMIT = RowLimit(100, holds=2)


@pytest.mark.parametrize(("taken", "outcome"), [(60, "held"), (61, "no_room")])
def test_hold_fits_up_to_the_exact_amount_of_the_limit(taken, outcome):
    assert check_hold(BudgetRow(taken=taken), "a", HOLD, LIMIT) == outcome


@pytest.mark.parametrize(("holds", "outcome"), [(1, "held"), (2, "too_many")])
def test_number_of_holds_is_limited_also_without_an_amount(holds, outcome):
    row = BudgetRow(holds={f"other-{number}": HOLD for number in range(holds)})
    assert check_hold(row, "a", HOLD, RowLimit(None, holds=2)) == outcome


def test_repeated_hold_is_held_and_counted_once_although_the_budget_is_full():
    assert check_hold(HELD, "a", HOLD, RowLimit(100, holds=1)) == "held"
    assert add_hold(HELD, "a", HOLD) == HELD
    assert HELD.taken == 100


@pytest.mark.parametrize(("taken", "outcome"), [(60, "held"), (61, "no_room")])
def test_waiting_amount_fits_up_to_the_exact_amount_of_the_limit(taken, outcome):
    assert check_waiting(BudgetRow(taken=taken), WaitingAmount("job", 40), 100) == outcome


@pytest.mark.parametrize(
    ("waiting", "outcome"), [(MAX_WAITING - 1, "held"), (MAX_WAITING, "too_many")]
)
def test_number_of_waiting_amounts_is_limited(waiting, outcome):
    row = BudgetRow(waiting={f"job-{number}": 0 for number in range(waiting)})
    assert check_waiting(row, WaitingAmount("job", 1), 100) == outcome


def test_repeated_waiting_amount_is_counted_once_and_removed_once():
    waiting = add_waiting(BudgetRow(), WaitingAmount("job", 40))
    assert add_waiting(waiting, WaitingAmount("job", 40)) == waiting
    assert check_waiting(waiting, WaitingAmount("job", 40), 10) == "held"
    removed = remove_waiting(waiting, "job")
    assert removed
    assert removed == BudgetRow()
    assert remove_waiting(removed, "job") is None


def test_settlement_counts_the_real_price_and_happens_once():
    settled = settle_hold(HELD, "a", 25)
    assert settled
    assert settled == BudgetRow(taken=85, spent=85)
    assert settle_hold(settled, "a", 25) is None


def test_settlement_at_zero_releases_the_hold():
    assert settle_hold(HELD, "a", 0) == BudgetRow(taken=60, spent=60)


def test_settlement_at_risk_is_restored_once_as_the_same_hold():
    at_risk = settle_hold(HELD, "a", 40, at_risk=40)
    assert at_risk
    assert at_risk == BudgetRow(taken=100, spent=100, at_risk=40, last_at_risk="a")
    assert settle_hold(at_risk, "a", 40, at_risk=40) == at_risk
    restored = restore_hold(at_risk, "a", HOLD)
    assert restored
    assert restored == replace(HELD, last_at_risk="a", last_restored="a")
    assert restore_hold(restored, "a", HOLD) is None


def test_restore_that_is_repeated_after_the_settlement_changes_nothing():
    at_risk = settle_hold(HELD, "a", 40, at_risk=40)
    assert at_risk
    restored = restore_hold(at_risk, "a", HOLD)
    assert restored
    settled = settle_hold(restored, "a", 25)
    assert settled
    assert settled.spent == settled.taken == 85
    assert restore_hold(settled, "a", HOLD) is None


def test_returned_hold_waits_with_its_room_and_is_returned_once():
    returned = return_hold(HELD, "a")
    assert returned
    assert returned == BudgetRow(taken=100, spent=60, waiting={"a": 40})
    assert return_hold(returned, "a") is None
