"""GET /v1/models and /v1/models/{id}: OpenAI's models, extended by their capabilities and shutdown dates."""

from __future__ import annotations

from typing import Any

from retouch.core.capabilities import ModelCapabilities, Provider
from retouch.core.client_credentials import ClientCredentials
from retouch.planning.model_catalogue import is_generative
from retouch.planning.model_resolution import find_model
from retouch.planning.retirement import retirements


def list_models(providers: tuple[Provider, ...]) -> dict[str, Any]:
    """Return the response body with every model of every provider, in registry order."""
    return {"object": "list", "data": [_model_entry(p, m) for p in providers for m in p.models]}


def get_model(model_id: str, providers: tuple[Provider, ...]) -> dict[str, Any]:
    """Return the response body with one model, by the id that an edit names. Raises InvalidRequest or ModelNotFound."""
    return _model_entry(*find_model(model_id, ClientCredentials(), providers))


def _model_entry(provider: Provider, model: ModelCapabilities) -> dict[str, Any]:
    full_id = f"{provider.name}/{model.id}"
    retirement = retirements().get(full_id)
    return {
        "id": full_id,
        "object": "model",
        "created": 0,
        "owned_by": provider.name,
        "deprecated": retirement is not None,
        "shutdown_date": retirement.shutdown_date.isoformat()
        if retirement and retirement.shutdown_date
        else None,
        "successor": (retirement.successor or None) if retirement else None,
        "capabilities": _capabilities(model),
    }


def _mask_support(model: ModelCapabilities) -> str:
    """Return the support for masks: "required", "optional", "none", or "preserve" if a mask needs preserve=true."""
    if model.mask_format is None:
        return "preserve" if model.follows_instructions else "none"
    return "required" if model.requires_mask else "optional"


def _capabilities(model: ModelCapabilities) -> dict[str, Any]:
    return {
        "edit": True,
        "paints": is_generative(model),
        "operation": model.operation or None,
        "operations": list(model.operations),
        "mask": _mask_support(model),
        "max_images": model.max_images,
        "max_n": model.max_n,
        "max_image_bytes": model.max_image_bytes,
        "max_prompt_chars": model.max_prompt_chars,
        "input_formats": list(model.accepted_formats),
        "square": model.requires_square,
        "streaming": model.supports_streaming,
        "response_format": model.default_response_format,
        "usd_per_picture": model.price.per_image or None,
        "usd_per_megapixel": model.price.per_megapixel or None,
        "usd_per_call": model.price.per_call or None,
        "parameters": {name: spec.rule() for name, spec in model.params.items()},
    }
