"""The holds of one attempt: the most that it may cost, and the budgets in which it holds that amount."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from retouch.core.cost_ceiling import cost_ceiling, is_billed_by_tokens
from retouch.core.errors import BudgetUnavailable
from retouch.core.provider_protocol import ProviderJob
from retouch.gateway.attempt import PreparedAttempt
from retouch.gateway.budgets.budget_holds import BudgetHolder
from retouch.gateway.budgets.budget_report import BudgetReport
from retouch.gateway.budgets.budget_reservation import BudgetReservation
from retouch.gateway.services import RequestContext, Services
from retouch.planning.plan import Plan
from retouch.tenants.budget_errors import BudgetExceeded, PriceUnknown
from retouch.tenants.budgets import Budget, budgets_of_key, budgets_of_virtual_key
from retouch.tenants.keys import DEFAULT_WORKSPACE, GatewayKey
from retouch.tenants.limits import WorkspacePrice


def hold_attempt(prepared: PreparedAttempt, services: Services) -> None:
    """Hold the most that the attempt may cost in all its budgets, and note the amounts in its log."""
    budgets = _budgets_of(prepared, services)
    if budgets:
        prepared.planned.attempt.log.budget = _hold(prepared, budgets, services)


def plan_reservation(prepared: PreparedAttempt, services: Services) -> BudgetReservation | None:
    """Return what a job must reserve. None: it has no budget. Its worker holds as much when it works on the job.

    Raises BudgetExceeded or PriceUnknown when the job does not fit, and BudgetUnavailable.
    """
    budgets, context = _budgets_of(prepared, services), prepared.planned.attempt.context
    if not budgets:
        return None
    amount = _cost_ceiling(prepared.planned.plan, prepared.jobs, budgets, context)
    if services.open_budgets is None:
        raise _missing_table_error()
    reservation = BudgetReservation(
        budgets, amount, services.open_budgets(), context.is_portkey_client
    )
    reservation.check()
    return reservation


def _budgets_of(prepared: PreparedAttempt, services: Services) -> tuple[Budget, ...]:
    attempt, now = prepared.planned.attempt, services.clock.unix_time()
    return (
        *budgets_of_virtual_key(attempt.target.payer.limits, now),
        *budgets_of_key(attempt.context.principal.key, now),
    )


def _hold(prepared: PreparedAttempt, budgets: Sequence[Budget], services: Services) -> BudgetReport:
    attempt = prepared.planned.attempt
    price = _workspace_price(attempt.context.principal.key)
    amount = _cost_ceiling(prepared.planned.plan, prepared.jobs, budgets, attempt.context)
    is_metered = is_billed_by_tokens(prepared.planned.plan.resolved.serving.price)
    report = BudgetReport(amount, price, is_metered)
    held = attempt.context.held_order
    if attempt.context.is_paid_for:
        return report  # an earlier request holds it
    if held is None or services.open_budgets is None or services.orders is None:
        raise _missing_table_error()
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


def _missing_table_error() -> BudgetUnavailable:
    return BudgetUnavailable(
        "This gateway key has a budget, and the gateway has no table of budgets and orders. Set "
        "RETOUCH_BUDGETS_TABLE and RETOUCH_ORDERS_TABLE on the gateway.",
        retryable=False,
    )


def _cost_ceiling(
    plan: Plan, jobs: Sequence[ProviderJob], budgets: Sequence[Budget], context: RequestContext
) -> int:
    """Return the most that the jobs of a plan may cost their workspace. Raises PriceUnknown."""
    ceiling = cost_ceiling(
        plan.resolved.serving, jobs, context.settings.ceilings, plan.resolved.provider.name
    )
    if ceiling is None:
        if not any(budget.is_cost for budget in budgets):
            return 0  # only tokens, or the number of edits at the same time, are limited
        raise PriceUnknown(
            f"The model {plan.resolved.model_id} has no price, so its edits cannot be counted in the budget of this "
            "key. Use a model with a price, or ask the operator to set one in RETOUCH_CEILINGS.",
            param="model",
        )
    pictures = sum(job.n for job in jobs)
    return _workspace_price(context.principal.key).apply_to(ceiling, pictures)


def _workspace_price(key: GatewayKey | None) -> WorkspacePrice:
    return (key.workspace if key else DEFAULT_WORKSPACE).price
