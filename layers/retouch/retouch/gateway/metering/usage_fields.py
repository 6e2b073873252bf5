"""The fields of a usage event that come from the outcome of an attempt: its cost, its pictures and its tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from retouch.core.edit_types import EncodedImage
from retouch.core.errors import Billed, Fault
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.pricing import Cost, estimate_cost
from retouch.core.sizes import parse_size
from retouch.gateway.budgets.budget_report import BudgetReport
from retouch.gateway.result import DeliveredEdit, StreamedImage
from retouch.gateway.results.postprocess import total_usage
from retouch.planning.plan import Plan
from retouch.tenants.limits import WorkspacePrice
from retouch.usage.event import UsageEvent


@frozen_dataclass
class AttemptCost:
    """What an attempt cost, as far as it is known."""

    cost: int = 0
    is_at_risk: bool = False  # nobody knows whether the provider takes it
    is_estimated: bool = False
    is_unpriced: bool = False


def attempt_price(
    event: UsageEvent,
    amount: AttemptCost,
    price: WorkspacePrice,
    budget: BudgetReport | None,
    charge: int | None,
) -> int:
    """Return what the workspace is charged, in micro-dollars: what budgets are charged, if any applies.

    `charge` is the price of images that were made and not delivered, or None.
    """
    if event.billed == "no":
        return 0
    if budget:
        if event.is_error:
            return budget.held if charge is None or amount.is_at_risk else charge
        cost = None if amount.is_unpriced else Cost(amount.cost, amount.is_estimated)
        return budget.charge(cost, event.pictures)
    return price.apply_to(amount.cost, event.pictures) if event.payer == "operator" else 0


def success_cost(edit: DeliveredEdit) -> AttemptCost:
    """Return what a finished edit cost."""
    if edit.cost is None:
        return AttemptCost(is_unpriced=edit.billed == "yes")
    return AttemptCost(edit.cost.micro_dollars, is_estimated=edit.cost.estimated)


def failure_cost(fault: Fault, plan: Plan | None) -> AttemptCost:
    """Return what a failed attempt cost: nothing, or what its pictures would cost."""
    if fault.billed == "no":
        return AttemptCost()
    expected = _expected_cost(plan) if plan else None
    if expected is None:
        return AttemptCost(is_unpriced=True)
    is_at_risk = fault.billed == "unknown"
    return AttemptCost(expected.micro_dollars, is_at_risk, is_estimated=True)


def _expected_cost(plan: Plan) -> Cost | None:
    return estimate_cost(plan.resolved.serving, plan.jobs, sum(job.n for job in plan.jobs))


def picture_fields(edit: DeliveredEdit) -> dict[str, Any]:
    """Return the fields about the pictures of a finished edit."""
    size = str(edit.metadata.get("size") or "")
    usage = edit.metadata.get("usage")
    return {**_result_fields(edit.plan, size, len(edit.images)), **token_fields(usage)}


def _result_fields(plan: Plan, size: str, pictures: int) -> dict[str, Any]:
    images = plan.jobs[0].images
    out = parse_size(size)
    return {
        "pictures": pictures,
        "size": size if out else "",
        "pixels_in": sum(map(_pixels, images)),
        "pixels_out": out[0] * out[1] * pictures if out else 0,
    }


def _pixels(image: EncodedImage) -> int:
    return image.width * image.height


def token_fields(usage: Mapping[str, Any] | None) -> dict[str, int]:
    """Return the tokens of OpenAI's usage object. Without details, input is text and output is image."""
    if not usage:
        return {}
    details_in, details_out = (
        usage.get(f"{direction}_tokens_details") or {} for direction in ("input", "output")
    )
    total_in, total_out = usage.get("input_tokens", 0), usage.get("output_tokens", 0)
    image_in, text_out = details_in.get("image_tokens", 0), details_out.get("text_tokens", 0)
    return {
        "text_in": total_in - image_in,
        "image_in": image_in,
        "text_out": text_out,
        "image_out": total_out - text_out,
    }


def stream_cost(images: Sequence[StreamedImage], billed: Billed) -> AttemptCost:
    """Return what the finished images of a stream cost."""
    costs = [image.cost for image in images if image.cost]
    return AttemptCost(
        sum(cost.micro_dollars for cost in costs),
        is_estimated=any(cost.estimated for cost in costs),
        is_unpriced=billed == "yes" and len(costs) < len(images),
    )


def stream_fields(images: Sequence[StreamedImage], plan: Plan) -> dict[str, Any]:
    """Return the fields about the finished images of a stream."""
    size = str(images[0].image.metadata.get("size") or "")
    usage = total_usage([image.image for image in images])
    return {**_result_fields(plan, size, len(images)), **token_fields(usage)}
