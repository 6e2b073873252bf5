"""The stage that holds the budgets of an attempt before its provider is called, and the end of holds after a failure.

An attempt without any budget passes this stage without a call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from retouch.core.cost_ceiling import cost_ceiling, is_billed_by_tokens
from retouch.core.errors import BudgetUnavailable, Fault, OrderInProgress
from retouch.core.pricing import edit_cost
from retouch.gateway.budget_report import BudgetReport
from retouch.gateway.postprocess import total_usage
from retouch.gateway.services import Services
from retouch.gateway.target_stages import Attempt, GeneratedImages, PreparedAttempt
from retouch.orders.charges import Outcome
from retouch.tenants.budget_errors import BudgetExceeded, PriceUnknown
from retouch.tenants.budgets import Budget, budgets_of_key, budgets_of_virtual_key
from retouch.tenants.keys import DEFAULT_WORKSPACE, GatewayKey
from retouch.tenants.limits import Price


def hold_budgets(prepared: PreparedAttempt, services: Services) -> PreparedAttempt:
    """Hold the most that the attempt may cost in the budgets of its virtual key, its key and its workspace.

    Raises BudgetExceeded, TooManyAtOnce, PriceUnknown, BudgetUnavailable or OrderInProgress.
    """
    attempt = prepared.planned.attempt
    key, target = attempt.context.principal.key, attempt.target
    is_limited = target.payer.limits is not None or (key is not None and key.has_budgets)
    if not is_limited or not prepared.planned.plan.resolved.provider.is_paid:
        return prepared
    if target.payer.is_caller and not (key and key.budget_own_keys):
        return prepared
    now = services.clock.unix_time()
    budgets = (*budgets_of_virtual_key(target.payer.limits, now), *budgets_of_key(key, now))
    if budgets:
        attempt.log.budget = _hold(prepared, budgets, services)
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


def _hold(prepared: PreparedAttempt, budgets: Sequence[Budget], services: Services) -> BudgetReport:
    from retouch.gateway.budget_holds import BudgetHolder  # most attempts hold nothing

    attempt = prepared.planned.attempt
    price = _workspace_price(attempt.context.principal.key)
    amount = _most(prepared, budgets)
    is_metered = is_billed_by_tokens(prepared.planned.plan.resolved.serving.price)
    report = BudgetReport(amount, price, is_metered)
    held = attempt.context.held_order
    if attempt.context.is_paid_for:
        return report  # an earlier request holds it
    if held is None or services.open_budgets is None or services.orders is None:
        raise BudgetUnavailable(
            "This gateway key has a budget, and the gateway has no table of budgets and orders. Set "
            "RETOUCH_BUDGETS_TABLE and RETOUCH_ORDERS_TABLE on the gateway.",
            retryable=False,
        )
    if attempt.context.order:
        attempt.context.order.begin()
    holder = BudgetHolder(
        held,
        services.open_budgets(),
        services.orders,
        services.clock,
        attempt.context.is_portkey_client,
    )
    try:
        return replace(report, remaining=holder.hold(budgets, amount))
    except BudgetExceeded as refusal:
        attempt.log.budget = replace(report, held=0, remaining=refusal.remaining)
        raise


def _most(prepared: PreparedAttempt, budgets: Sequence[Budget]) -> int:
    """Return the most that the attempt may cost its workspace. Raises PriceUnknown."""
    plan = prepared.planned.plan
    attempt = prepared.planned.attempt
    ceiling = cost_ceiling(
        plan.resolved.serving,
        prepared.jobs,
        attempt.settings.ceilings,
        plan.resolved.provider.name,
    )
    if ceiling is None:
        if not any(budget.is_cost for budget in budgets):
            return 0  # only tokens, or the number of edits at the same time, are limited
        raise PriceUnknown(
            f"The model {plan.resolved.model_id} has no price, so its edits cannot be counted in the budget of this "
            "key. Use a model with a price, or ask the operator to set one in RETOUCH_CEILINGS.",
            param="model",
        )
    pictures = sum(job.n for job in prepared.jobs)
    return _workspace_price(attempt.context.principal.key).of(ceiling, pictures)


def _workspace_price(key: GatewayKey | None) -> Price:
    return (key.workspace if key else DEFAULT_WORKSPACE).price
