"""The check of one line of a batch before anything of the batch is bought, and the highest price of its edit."""

from __future__ import annotations

from retouch.core.edit_types import ResolvedInputs
from retouch.core.errors import Fault, InvalidRequest
from retouch.core.pricing import highest_cost
from retouch.gateway.edit_job import to_job_form
from retouch.gateway.request_stages import ValidatedRequest, choose_targets
from retouch.gateway.result import EditResult
from retouch.gateway.services import RequestContext, Services
from retouch.gateway.target_stages import TargetRequest
from retouch.gateway.validation import is_dry_run, validate_without_images
from retouch.imaging.limits import DEFAULT_LIMITS
from retouch.planning.connection import require_connection
from retouch.planning.early_check import check_without_images


def price_line(context: RequestContext, services: Services) -> int:
    """Return the highest price of the edit at any of its targets, in micro-dollars. No image is fetched.

    A model without a price counts as free. Raises Fault when no target can make the edit, whatever its images are.
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
    prices, refusals = [], []
    for target in routed.targets.values():
        try:
            prices.append(_price_target(target))
        except Fault as refusal:
            refusals.append(refusal)
    if not prices:
        raise refusals[0]
    return max(prices)


def _price_target(target: TargetRequest) -> int:
    if target.fault or target.model is None:
        raise target.fault or AssertionError("a target has a model or a fault")
    model, request = require_connection(target.model), target.request
    params = check_without_images(model, request)
    return highest_cost(
        model.serving, params, request.n, len(request.images), DEFAULT_LIMITS.pixels
    )
