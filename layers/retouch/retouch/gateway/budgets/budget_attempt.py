"""The holds of one attempt: the most that it may cost, and the budgets in which it holds that amount."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from retouch.core.cost_ceiling import cost_ceiling, is_billed_by_tokens
from retouch.core.errors import BudgetUnavailable
from retouch.core.provider_protocol import ProviderJob
from retouch.gateway.budgets.budget_holds import BudgetHolder, budget_error, row_name_of
from retouch.gateway.budgets.budget_report import BudgetReport
from retouch.gateway.result import EditPreview
from retouch.gateway.services import RequestContext, Services
from retouch.gateway.target_stages import PreparedAttempt
from retouch.planning.plan import Plan
from retouch.tenants.budget_errors import BudgetExceeded, PriceUnknown
from retouch.tenants.budgets import Budget, budgets_of_key, budgets_of_virtual_key
from retouch.tenants.keys import DEFAULT_WORKSPACE, GatewayKey
from retouch.tenants.limits import WorkspacePrice


def hold_attempt(prepared: PreparedAttempt, services: Services) -> None:
    """Hold the most that the attempt may cost in all its budgets, and note the amounts in its log."""
    attempt = prepared.planned.attempt
    key, limits, now = (
        attempt.context.principal.key,
        attempt.target.payer.limits,
        services.clock.unix_time(),
    )
    budgets = (*budgets_of_virtual_key(limits, now), *budgets_of_key(key, now))
    if budgets:
        attempt.log.budget = _hold(prepared, budgets, services)


def check_job(preview: EditPreview, context: RequestContext, services: Services) -> None:
    """Raise BudgetExceeded or PriceUnknown when a job surely does not fit into a budget of its key or workspace.

    Nothing is held: the worker holds the amount before it buys. Raises BudgetUnavailable.
    """
    if services.open_budgets is None:
        return
    budgets = budgets_of_key(context.principal.key, services.clock.unix_time())
    amount = _most(preview.plan, preview.jobs, budgets, context)
    table = services.open_budgets()
    for budget in budgets:
        limit = budget.limit.amount
        if limit is None or not budget.is_cost:
            continue
        row = table.read(row_name_of(budget))
        if row.taken + amount > limit:
            raise budget_error(budget, row, amount, is_portkey_client=context.is_portkey_client)


def _hold(prepared: PreparedAttempt, budgets: Sequence[Budget], services: Services) -> BudgetReport:
    attempt = prepared.planned.attempt
    price = _workspace_price(attempt.context.principal.key)
    amount = _most(prepared.planned.plan, prepared.jobs, budgets, attempt.context)
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


def _most(
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
