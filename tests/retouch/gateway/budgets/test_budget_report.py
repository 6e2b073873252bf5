"""Tests of what the end of an attempt is charged."""

import pytest

from retouch.core.pricing import Cost
from retouch.gateway.budgets.budget_report import BudgetReport
from retouch.tenants.limits import WorkspacePrice

PRICE = WorkspacePrice(multiplier=1_500_000, per_picture=100)


@pytest.mark.parametrize("is_metered", [False, True])
def test_cost_that_the_provider_states_is_charged_at_the_price_of_the_workspace(is_metered):
    report = BudgetReport(held=9_000, price=PRICE, is_metered=is_metered)
    assert report.charge(Cost(2_000, estimated=False), pictures=3) == 3_300


def test_estimate_is_charged_where_the_provider_bills_no_tokens():
    report = BudgetReport(held=9_000, price=PRICE, is_metered=False)
    assert report.charge(Cost(2_000, estimated=True), pictures=1) == 3_100


def test_estimate_of_a_metered_provider_is_charged_as_the_held_amount():
    report = BudgetReport(held=9_000, price=PRICE, is_metered=True)
    assert report.charge(Cost(2_000, estimated=True), pictures=1) == 9_000


def test_unknown_cost_is_charged_as_the_held_amount():
    assert BudgetReport(9_000, PRICE, is_metered=False).charge(None, pictures=1) == 9_000
