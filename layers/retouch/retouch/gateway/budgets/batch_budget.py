"""The check whether the budgets of a key have room for a whole batch, before anything of it is bought.

Nothing is held: each edit holds its own amount when it is made. The check only refuses what surely does not fit now.
"""

from __future__ import annotations

from collections.abc import Sequence

from retouch.core.errors import BudgetUnavailable
from retouch.gateway.budgets.budget_holds import remaining_amount, row_name_of, usd_text
from retouch.gateway.services import Services
from retouch.tenants.budget_errors import BudgetExceeded
from retouch.tenants.budgets import Budget


def check_room(worst_cost: int, owned: Sequence[Budget], services: Services) -> None:
    """Raise BudgetExceeded when the batch may cost more than one of the budgets has left.

    Raises BudgetUnavailable when the table cannot be used.
    """
    budgets = [budget for budget in owned if budget.limit.amount is not None]
    if not budgets:
        return
    if services.open_budgets is None:
        raise BudgetUnavailable(
            "This gateway key has a budget, and the gateway has no table of budgets. Set RETOUCH_BUDGETS_TABLE on the "
            "gateway.",
            retryable=False,
        )
    table = services.open_budgets()
    left = remaining_amount(budgets, [table.read(row_name_of(budget)) for budget in budgets])
    if left is not None and worst_cost > left:
        raise BudgetExceeded(
            f"The batch may cost up to {usd_text(worst_cost)}, and {usd_text(max(0, left))} is left of the budget, so "
            "nothing was bought. Send fewer lines, ask the operator for a larger budget, or send the metadata "
            "retouch_partial=true to buy the lines that fit."
        )
