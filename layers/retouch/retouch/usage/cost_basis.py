"""What counts as the cost of an edit: what the provider takes, or what the workspace is charged for it.

A workspace with a price of its own sees that price wherever others see the cost.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from retouch.usage.event import UsageEvent
from retouch.usage.totals import Totals, UsageRow

CostBasis = Literal["cost", "price"]
_OWN_PAYER = "caller"  # pays the provider itself, so that it may know the cost


def event_with_cost_basis(event: UsageEvent, basis: CostBasis) -> UsageEvent:
    """Return the event with the price as its cost, if the price is asked for."""
    if basis == "cost" or event.payer == _OWN_PAYER:
        return event
    return replace(event, cost=event.price)


def row_with_cost_basis(row: UsageRow, basis: CostBasis) -> UsageRow:
    """Return the row of a rollup with the price as its cost, if the price is asked for."""
    if basis == "cost" or row.group["payer"] == _OWN_PAYER:
        return row
    totals = Totals()
    totals.add(row.totals)
    totals.cost = totals.price
    return replace(row, totals=totals)
