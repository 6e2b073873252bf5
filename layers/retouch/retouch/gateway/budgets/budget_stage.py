"""The stage that holds the budgets of an attempt before its provider is called, and the end of holds after a failure.

An attempt without any budget passes this stage without a call, and loads nothing for it.
"""

from __future__ import annotations

from retouch.core.errors import Fault, OrderInProgress
from retouch.core.pricing import edit_cost
from retouch.gateway.attempt import Attempt, GeneratedImages, PreparedAttempt
from retouch.gateway.result import AttemptResult, EditPreview
from retouch.gateway.results.postprocess import total_usage
from retouch.gateway.services import Services
from retouch.orders.charges import Outcome


def hold_budgets(prepared: PreparedAttempt, services: Services) -> PreparedAttempt | AttemptResult:
    """Hold the most that the attempt may cost in the budgets of its virtual key, its key and its workspace.

    The check of a job ends here. Raises BudgetExceeded, TooManyAtOnce, PriceUnknown, BudgetUnavailable or
    OrderInProgress.
    """
    is_limited, planned = _is_limited(prepared), prepared.planned
    if planned.attempt.context.is_plan_only:
        reservation = None
        if is_limited:
            from retouch.gateway.budgets.budget_attempt import plan_reservation

            reservation = plan_reservation(prepared, services)
        preview = EditPreview(planned.plan, prepared.jobs, reservation)
        return AttemptResult(preview, planned.attempt.log.report())
    if is_limited:
        from retouch.gateway.budgets.budget_attempt import hold_attempt

        hold_attempt(prepared, services)
    return prepared


def _is_limited(prepared: PreparedAttempt) -> bool:
    """Return whether the attempt must pass budgets."""
    attempt = prepared.planned.attempt
    key, payer = attempt.context.principal.key, attempt.target.payer
    has_limits = payer.limits is not None or (key is not None and key.has_budgets)
    if not has_limits or not prepared.planned.plan.resolved.provider.is_paid:
        return False
    return not payer.is_caller or bool(key and key.budget_own_keys)


def note_charge(generated: GeneratedImages, _: Services) -> GeneratedImages:
    """Note what the images cost the tenant, because a later stage may refuse to deliver them."""
    log, plan = generated.planned.attempt.log, generated.planned.plan
    if log.budget:
        usage = total_usage(generated.images)
        cost = edit_cost(plan.resolved.serving, plan.jobs, generated.images, usage)
        log.charge = log.budget.charge(cost, len(generated.images))
    return generated


def end_holds(attempt: Attempt, fault: Fault) -> None:
    """Settle what a failed attempt holds: nothing for a free failure, and the held amount for any other.

    A job keeps the room of a free failure for its next attempt.
    """
    held = attempt.context.held_order
    if held is None or not held.order.charges or attempt.log.budget is None:
        return
    is_lost = isinstance(fault, OrderInProgress)  # before the paid request
    if fault.billed == "no" and held.order.has_reservation and not is_lost:
        held.return_charges()
        return
    held.settle_charges(Outcome("no" if is_lost else fault.billed, attempt.log.charge))
