"""The stage that holds the budgets of an attempt before its provider is called, and the end of holds after a failure.

An attempt without any budget passes this stage without a call, and loads nothing for it.
"""

from __future__ import annotations

from retouch.core.errors import Fault, OrderInProgress
from retouch.core.pricing import edit_cost
from retouch.gateway.results.postprocess import total_usage
from retouch.gateway.services import Services
from retouch.gateway.target_stages import Attempt, GeneratedImages, PreparedAttempt
from retouch.orders.charges import Outcome


def hold_budgets(prepared: PreparedAttempt, services: Services) -> PreparedAttempt:
    """Hold the most that the attempt may cost in the budgets of its virtual key, its key and its workspace.

    Raises BudgetExceeded, TooManyAtOnce, PriceUnknown, BudgetUnavailable or OrderInProgress.
    """
    attempt = prepared.planned.attempt
    key, payer = attempt.context.principal.key, attempt.target.payer
    is_limited = payer.limits is not None or (key is not None and key.has_budgets)
    if not is_limited or not prepared.planned.plan.resolved.provider.is_paid:
        return prepared
    if payer.is_caller and not (key and key.budget_own_keys):
        return prepared
    from retouch.gateway.budgets.budget_attempt import hold_attempt

    hold_attempt(prepared, services)
    return prepared


def note_charge(generated: GeneratedImages, _: Services) -> GeneratedImages:
    """Note what the images cost the tenant, because a later stage may refuse to deliver them."""
    log, plan = generated.planned.attempt.log, generated.planned.plan
    if log.budget:
        usage = total_usage(generated.images)
        cost = edit_cost(plan.resolved.serving, plan.jobs, generated.images, usage)
        log.charge = log.budget.charge(cost, len(generated.images))
    return generated


def end_holds(attempt: Attempt, fault: Fault) -> None:
    """Settle what a failed attempt holds: nothing for a free failure, and the held amount for any other."""
    held = attempt.context.held_order
    if held is None or not held.order.charges or attempt.log.budget is None:
        return
    # The order was lost before the paid request.
    billed = "no" if isinstance(fault, OrderInProgress) else fault.billed
    held.settle_charges(Outcome(billed, attempt.log.charge))
