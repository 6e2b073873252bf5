"""The rules of a retired model that do not apply when they would refuse a request that its successor can serve.

The contract of a retired model still checks requests, so that the models that callers know keep their meaning. A caller
that names no model asked for no contract: the default model of a provider may be retired. And the rule that an image
needs a mask or transparency only says how an old model works.
"""

from __future__ import annotations

from dataclasses import replace

from retouch.core.capabilities import ModelCapabilities
from retouch.core.edit_types import EditRequest
from retouch.core.errors import InvalidRequest
from retouch.core.resolved_model import ResolvedModel


def relax_contract(
    resolved: ResolvedModel, request: EditRequest, refusal: InvalidRequest
) -> ResolvedModel | None:
    """Return the resolved model without the rules that refused the request, and with a note. None: the rules stay."""
    requested, serving = resolved.requested, resolved.serving
    if requested is serving:
        return None
    if request.model is None:
        contract = _default_contract(requested, serving)
        rule = f"the request breaks a rule of {requested.id} ({refusal.code})"
    elif refusal.code == "mask_required" and not serving.requires_mask:
        contract = replace(requested, requires_mask=False)
        rule = (
            f"{requested.id} needs a mask or transparency in the image, and the request has neither"
        )
    else:
        return None
    note = f"model: {rule}; {serving.id} serves it by its own rules"
    return replace(resolved, requested=contract, notes=(*resolved.notes, note))


def _default_contract(
    requested: ModelCapabilities, serving: ModelCapabilities
) -> ModelCapabilities:
    """Return the contract of the serving model with the defaults of the requested one, which shape the response."""
    return replace(
        serving,
        default_params=requested.default_params,
        default_response_format=requested.default_response_format,
    )
