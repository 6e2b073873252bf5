"""What an attempt holds of budgets, and what its end is charged."""

from __future__ import annotations

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.pricing import Cost
from retouch.tenants.limits import WorkspacePrice


@frozen_dataclass
class BudgetReport:
    """The amounts of one attempt, in micro-dollars."""

    held: int
    price: WorkspacePrice  # what the tenant is charged for the provider's cost
    is_metered: bool  # the provider bills tokens, so that a cost without them is a guess
    remaining: int | None = None  # what the smallest budget has left; None: no budget has an amount

    def charge(self, cost: Cost | None, pictures: int) -> int:
        """Return the price of an edit with this cost. A cost that nobody knows is charged as the held amount."""
        if cost is None or (cost.estimated and self.is_metered):
            return self.held
        return self.price.apply_to(cost.micro_dollars, pictures)
