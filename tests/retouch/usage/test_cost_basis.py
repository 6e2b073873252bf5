"""Tests of the amount that a reader of usage sees as the cost."""

import pytest

from retouch.usage.cost_basis import event_with_cost_basis, row_with_cost_basis
from retouch.usage.totals import DIMENSIONS, Totals, UsageRow
from tests.support.usage import make_event

COST, PRICE = 41_200, 49_440
SEEN = [("cost", "operator", COST), ("price", "operator", PRICE), ("price", "caller", COST)]


@pytest.mark.parametrize(("basis", "payer", "cost"), SEEN)
def test_event_shows_the_price_only_where_the_operator_pays_and_the_price_is_asked_for(
    basis, payer, cost
):
    assert event_with_cost_basis(make_event(payer=payer), basis).cost == cost


@pytest.mark.parametrize(("basis", "payer", "cost"), SEEN)
def test_row_shows_the_price_only_where_the_operator_pays_and_the_price_is_asked_for(
    basis, payer, cost
):
    event = make_event(payer=payer)
    totals = Totals()
    totals.add_event(event)
    row = UsageRow("w_shop", 0, {name: getattr(event, name) for name in DIMENSIONS}, totals)
    assert row_with_cost_basis(row, basis).totals.cost == cost
    assert row.totals.cost == COST
