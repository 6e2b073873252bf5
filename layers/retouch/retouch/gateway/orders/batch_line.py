"""The check of one line of a batch before anything of the batch is bought, and the most that its edit may cost."""

from __future__ import annotations

from dataclasses import replace

from retouch.core.cost_ceiling import cost_ceiling
from retouch.core.edit_types import EncodedImage, ResolvedInputs
from retouch.core.errors import Fault, InvalidRequest
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.provider_protocol import ProviderJob
from retouch.gateway.attempt import TargetRequest
from retouch.gateway.orders.edit_job import to_job_form
from retouch.gateway.request_stages import ValidatedRequest, choose_targets
from retouch.gateway.result import EditResult
from retouch.gateway.services import RequestContext, Services
from retouch.gateway.validation import is_dry_run, validate_without_images
from retouch.imaging.limits import DEFAULT_LIMITS
from retouch.planning.connection import require_connection
from retouch.planning.early_check import check_without_images
from retouch.planning.plan import split_job
from retouch.tenants.budget_errors import PriceUnknown
from retouch.tenants.keys import DEFAULT_WORKSPACE, GatewayKey, VirtualKeyRecord


@frozen_dataclass
class LinePrice:
    """The most that an edit may cost its workspace at any of its targets, in micro-dollars."""

    amount: int
    model: str = ""  # empty: its targets have several
    payer: VirtualKeyRecord | None = None  # a virtual key with limits, if no other key can pay


def price_line(context: RequestContext, services: Services) -> LinePrice:
    """Return the highest price of the edit.

    No image is fetched. Raises Fault when no target can make the edit, whatever its images are, and PriceUnknown for a
    model without a price when the key has a budget.
    """
    form = to_job_form(context.form)
    if is_dry_run(form):
        raise InvalidRequest(
            "A line of a batch cannot be a dry run. Leave 'dry_run' out.", param="dry_run"
        )
    request = validate_without_images(form)
    routed = choose_targets(
        ValidatedRequest(context, ResolvedInputs(form.values), request), services
    )
    if isinstance(routed, EditResult):
        assert isinstance(routed.outcome, Fault), "targets that cannot be chosen are a Fault"
        raise routed.outcome
    prices, priced, refusals = [], list[TargetRequest](), []
    for target in routed.targets.values():
        try:
            price = _price_target(target, context, has_mask=form.mask is not None)
            prices.append(price)
            priced.append(target)
        except Fault as refusal:
            refusals.append(refusal)
    if not prices:
        raise refusals[0]
    if len(priced) > 1:
        return LinePrice(max(prices))
    (target,) = priced
    model = target.model.model_id if target.model else ""
    return LinePrice(prices[0], model, target.payer.limits)


def _price_target(target: TargetRequest, context: RequestContext, *, has_mask: bool) -> int:
    if target.fault or target.model is None:
        raise target.fault or AssertionError("a target has a model or a fault")
    model, request = require_connection(target.model), target.request
    params = check_without_images(model, request)
    if not model.provider.is_paid:
        return 0
    # An image whose size is not known counts as the largest one.
    pixels = model.serving.size_limits.max_pixels or DEFAULT_LIMITS.pixels
    largest = EncodedImage(b"", "png", pixels, 1)
    size = {"size": request.params["size"]} if "size" in request.params else {}
    job = ProviderJob(
        model.upstream_name,
        request.prompt,
        (largest,) * len(request.images),
        mask_file=largest if has_mask else None,
        params={**size, **params},
    )
    jobs = split_job(model.serving, replace(job, n=request.n), request.n)
    ceiling = cost_ceiling(model.serving, jobs, context.settings.ceilings, model.provider.name)
    key = context.principal.key
    if ceiling is None:
        if key and key.has_budgets:
            raise _unknown_price(model.model_id)
        return 0
    return _workspace_price(key, ceiling, request.n)


def _workspace_price(key: GatewayKey | None, ceiling: int, images: int) -> int:
    workspace = key.workspace if key else DEFAULT_WORKSPACE
    return workspace.price.apply_to(ceiling, images)


def _unknown_price(model_id: str) -> PriceUnknown:
    return PriceUnknown(
        f"The model {model_id} has no price, so its edits cannot be counted in the budget of this key. Use a model "
        "with a price, or ask the operator to set one in RETOUCH_CEILINGS.",
        param="model",
    )
