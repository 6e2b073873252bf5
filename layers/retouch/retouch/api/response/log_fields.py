"""The fields of an edit in the log line and in the metrics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from retouch.api.response import errors
from retouch.core.errors import Fault
from retouch.core.pricing import Cost
from retouch.gateway.result import (
    DeliveredEdit,
    EditPreview,
    EditResult,
)
from retouch.orders.order import StoredAnswer
from retouch.planning.plan import Plan


def log_fields(result: EditResult) -> dict[str, Any]:
    """Return the fields for the log and the metrics."""
    routing = result.routing
    fields = {**_outcome_fields(result), **_billing_fields(result), **_order_fields(result)}
    if routing is None:
        return fields
    if not routing.logs_notes:
        fields.pop("notes", None)
    # without the codes, which may be a provider's
    attempts = [{"path": a.path, "status": a.status, "billed": a.billed} for a in routing.attempts]
    return {**fields, "trace_id": routing.trace_id, "attempts": attempts}


def plan_log_fields(plan: Plan, notes: Sequence[str]) -> dict[str, Any]:
    """Return the fields for a planned edit."""
    return {
        "provider": plan.resolved.provider.name,
        "model": plan.resolved.serving.id,
        "calls": len(plan.jobs),
        "pictures": sum(job.n for job in plan.jobs),
        "notes": list(notes),
        "masked": plan.jobs[0].mask is not None,
    }


def _outcome_fields(result: EditResult) -> dict[str, Any]:
    outcome, report = result.outcome, result.attempt
    if isinstance(outcome, StoredAnswer):
        return {}
    if isinstance(outcome, EditPreview):
        return {"dry_run": True}
    hooks = report.hooks.log_fields
    if isinstance(outcome, Fault):
        model = {"provider": report.provider, "model": report.model} if report.provider else {}
        return {**model, **hooks, **errors.fault_log_fields(outcome)}
    fields = plan_log_fields(outcome.plan, result.notes)
    if isinstance(outcome, DeliveredEdit):
        fields["delivered"] = len(outcome.images)
    return {**fields, **hooks}


def _order_fields(result: EditResult) -> dict[str, Any]:
    """Return the order's id, and whether its answer was sent again. A replay says nothing about a purchase."""
    order = result.order
    if order is None:
        return {}
    replayed = {"replayed": True} if order.is_replay else {}
    joined = {"joined": "sdk-retry"} if order.is_joined else {}
    return {"order": order.id, **replayed, **joined}


def _billing_fields(result: EditResult) -> dict[str, str]:
    outcome = result.outcome
    cost = outcome.cost if isinstance(outcome, DeliveredEdit) else None
    price = None if result.price is None else Cost(result.price, estimated=False)
    amounts = {"cost_usd": cost, "price_usd": price}
    known = {name: str(amount) for name, amount in amounts.items() if amount}
    return {"billed": result.billing, **known}
