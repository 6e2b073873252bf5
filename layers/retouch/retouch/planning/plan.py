"""Planning: an EditRequest and the capabilities of two models become a Plan.

Only this package may change a request, refuse it, or add a note to it. It treats each input in one of three ways:

- It applies what the model supports.
- It maps what has an exact or close equivalent, and adds a note.
- It refuses everything else with an error that names the input.

It never ignores an input without a note. `make_plan` shows the order of the steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from retouch.core.capabilities import ModelCapabilities, Provider
from retouch.core.edit_types import EditRequest, EncodedImage
from retouch.core.errors import InvalidRequest
from retouch.core.frozen_dataclass import frozen_dataclass, replace
from retouch.core.parameters import IntParam, ParameterSpec
from retouch.core.provider_protocol import ProviderJob
from retouch.core.resolved_model import ResolvedModel
from retouch.core.settings import Settings
from retouch.planning import image_fit, input_rules, mask_rules, parameter_rules, preserve
from retouch.planning.fit_mode import choose_fit_mode, drop_own_size
from retouch.planning.operation import choose_operation
from retouch.planning.output_rules import ImageDelivery
from retouch.planning.output_rules import fit_delivery as fit_delivery
from retouch.planning.retired_contract import relax_contract


@frozen_dataclass
class Plan:
    """The complete plan of an edit, made before the first provider call."""

    resolved: ResolvedModel
    jobs: tuple[ProviderJob, ...]
    delivery: ImageDelivery
    notes: tuple[str, ...] = ()
    response_headers: Mapping[str, str] = field(default_factory=dict)


def make_plan(resolved: ResolvedModel, request: EditRequest, settings: Settings) -> Plan:
    """Return the plan of a request for its resolved model.

    Raises InvalidRequest when the model cannot serve the request.
    """
    resolved = choose_operation(resolved, request)
    try:
        return _plan_by_contract(resolved, request, settings)
    except InvalidRequest as refusal:
        relaxed = relax_contract(resolved, request, refusal)
        if relaxed is None:
            raise
    return _plan_by_contract(relaxed, request, settings)


def _plan_by_contract(resolved: ResolvedModel, request: EditRequest, settings: Settings) -> Plan:
    """Return the plan by the contract of the requested model. Raises InvalidRequest."""
    requested, serving = resolved.requested, resolved.serving
    # First, because a mistyped name of a parameter is often why the prompt or the mask is missing.
    parameter_rules.check_names(requested, request)
    prompt_notes = input_rules.check_inputs(requested, serving, request)
    mask = mask_rules.choose_mask(requested, serving, request)
    request = replace(request, fit_mode=choose_fit_mode(serving, request, mask))
    request, size_notes = drop_own_size(requested, request)
    geometry_fit = image_fit.fit_geometry(_apply_square_contract(requested, serving), request)
    fitted_params, param_notes = parameter_rules.fit_params(requested, serving, request)
    images, image_notes = input_rules.fit_images(serving, request, geometry_fit.placement)
    preservation = preserve.plan_preservation(
        serving,
        request,
        mask,
        {} if geometry_fit.placement else fitted_params,
        geometry_fit.placement,
        _masked_models(resolved.provider),
    )
    wanted_params = {**fitted_params, **preservation.params, **geometry_fit.params}
    sent_params, delivery, delivery_notes = fit_delivery(
        resolved, request, wanted_params, settings, geometry_fit.placement, preservation
    )
    job = _build_job(resolved, request, images, sent_params, preservation)
    notes = (
        *resolved.notes,
        *prompt_notes,
        *size_notes,
        *image_notes,
        *geometry_fit.notes,
        *mask_rules.mask_notes(
            serving, request, mask, is_restored=preservation.original_pixels is not None
        ),
        *param_notes,
        *preservation.notes,
        *delivery_notes,
    )
    return Plan(
        resolved, split_job(serving, job, request.n), delivery, notes, resolved.response_headers
    )


def _apply_square_contract(
    requested: ModelCapabilities, serving: ModelCapabilities
) -> ModelCapabilities:
    """Return the serving model. It requires square images if the requested model's contract requires them."""
    return (
        replace(serving, id=requested.id, requires_square=True)
        if requested.requires_square
        else serving
    )


def _masked_models(provider: Provider) -> tuple[str, ...]:
    """Return the ids of the provider's models that take a mask."""
    return tuple(f"{provider.name}/{model.id}" for model in provider.models if model.mask_format)


def _build_job(
    resolved: ResolvedModel,
    request: EditRequest,
    images: tuple[EncodedImage, ...],
    params: Mapping[str, Any],
    preservation: preserve.PreservePlan,
) -> ProviderJob:
    """Return the job that makes all images of the request."""
    return ProviderJob(
        model=resolved.upstream_name,
        prompt=preservation.prompt,
        images=images,
        mask=preservation.mask,
        stream=request.stream and resolved.serving.supports_streaming,
        params=params,
        options=resolved.options,
    )


def split_job(model: ModelCapabilities, job: ProviderJob, n: int) -> tuple[ProviderJob, ...]:
    """Split a job for n images into jobs of at most `max_n_per_call` images each.

    Each job after the first gets its own seed. The jobs are otherwise equal.
    """
    full_calls, remainder = divmod(n, model.max_n_per_call)
    sizes = [model.max_n_per_call] * full_calls + [remainder] * bool(remainder)
    seed_spec = model.params.get("seed")
    return tuple(
        replace(
            job,
            n=size,
            params=_params_with_seed(job.params, seed_spec, index),
        )
        for index, size in enumerate(sizes)
    )


def _params_with_seed(
    params: Mapping[str, Any], spec: ParameterSpec | None, index: int
) -> Mapping[str, Any]:
    """Return the parameters with the seed of the job at `index`.

    The seed is the caller's seed plus `index`. It wraps around at the end of the seed's range. The parameters stay
    unchanged for the first job, for a model without an integer seed, and where the caller sent no seed.
    """
    if not index or not isinstance(spec, IntParam) or "seed" not in params:
        return params
    seed_count = spec.maximum - spec.minimum + 1
    return {
        **params,
        "seed": spec.minimum + (params["seed"] - spec.minimum + index) % seed_count,
    }
