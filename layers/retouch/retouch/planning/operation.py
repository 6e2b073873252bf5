"""The choice of a provider's operation, for a model that stands for several operations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from retouch.core.capabilities import ModelCapabilities, OperationMatch
from retouch.core.edit_types import EditRequest
from retouch.core.errors import InvalidRequest
from retouch.core.resolved_model import ResolvedModel
from retouch.imaging.masks.read import mask_from_alpha


def choose_operation(resolved: ResolvedModel, request: EditRequest) -> ResolvedModel:
    """Return the resolved model with the capabilities of the operation that serves the request.

    Raises InvalidRequest when no operation matches the request, or when the request lacks a required input.
    """
    if not resolved.serving.operations:
        _check_required_inputs(resolved.serving, request)
        return resolved
    operations = [
        card for name in resolved.serving.operations if (card := resolved.provider.find_model(name))
    ]
    operation = next(
        (
            card
            for card in operations
            if card.operation_match and matches(card.operation_match, request)
        ),
        None,
    )
    if operation is None:
        raise InvalidRequest(
            f"The request matches no operation of {resolved.model_id}, which has {_join_ids(operations)}. "
            "Send one of these as 'model' to see what it needs.",
            param="model",
            code="no_operation",
        )
    _check_required_inputs(operation, request)
    note = f"operation: {operation.operation}, chosen from the inputs of the request"
    requested = _merge_contract(resolved, operation)
    return replace(resolved, requested=requested, serving=operation, notes=(*resolved.notes, note))


def _merge_contract(resolved: ResolvedModel, operation: ModelCapabilities) -> ModelCapabilities:
    """Return the contract for the caller: the operation's, or that of a retired model which the caller requested.

    The contract of a retired model is extended by the operation's prompt rule, mask format and parameters.
    """
    requested = resolved.requested
    if requested is resolved.serving:
        return operation
    return replace(
        requested,
        prompt_mode=operation.prompt_mode,
        mask_format=operation.mask_format,
        requires_mask=requested.requires_mask or operation.requires_mask,
        params={**operation.params, **requested.params},
    )


def _check_required_inputs(model: ModelCapabilities, request: EditRequest) -> None:
    """Raise InvalidRequest when the request lacks a parameter or an image that the operation requires."""
    conditions = model.operation_match or OperationMatch()
    if conditions.any_params and not any(
        _has_effect(request.params.get(name)) for name in conditions.any_params
    ):
        is_sent_as_zero = any(name in request.params for name in conditions.any_params)
        names = " or ".join(repr(name) for name in conditions.any_params)
        raise InvalidRequest(
            f"{model.id} needs {names}{' other than 0' * is_sent_as_zero}.",
            param=conditions.any_params[0],
            code="missing_required_parameter",
        )
    if conditions.images and len(request.images) < conditions.images:
        raise InvalidRequest(
            f"{model.id} needs {conditions.images} images, the request has {len(request.images)}.",
            param="image",
            code="missing_required_parameter",
        )


def _has_effect(value: Any) -> bool:
    """Return whether a parameter value has an effect. An edge of 0 pixels has none."""
    return value is not None and str(value).strip("0 ") != ""


def matches(conditions: OperationMatch, request: EditRequest) -> bool:
    """Return whether a request meets all conditions of an operation.

    `request_traits` holds the fields of OperationMatch that are compared by name.
    """
    request_traits = {
        "prompt": bool(request.prompt),
        "images": len(request.images),
        "transparent": request.params.get("background") == "transparent",
    }
    required_values = {name: getattr(conditions, name) for name in request_traits}
    return (
        all(value in (None, request_traits[name]) for name, value in required_values.items())
        and (
            not conditions.any_params
            or any(name in request.params for name in conditions.any_params)
        )
        and (conditions.mask is None or conditions.mask == _has_marked_area(request))
    )


def _has_marked_area(request: EditRequest) -> bool:
    """Return whether a mask, or transparency in the first image, marks the area to edit."""
    return request.mask is not None or mask_from_alpha(request.images[0]) is not None


def _join_ids(models: list[ModelCapabilities]) -> str:
    return ", ".join(card.id for card in models)
