"""GET /v1/models and /v1/models/{id}: OpenAI's models, extended by their capabilities and shutdown dates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from retouch.core.capabilities import ModelCapabilities, Provider
from retouch.core.credentials.client_credentials import ClientCredentials
from retouch.core.errors import Fault, InvalidRequest
from retouch.core.parameters import quote_value
from retouch.core.pricing import MICRO_DOLLARS, to_micro_dollars
from retouch.core.settings import Settings
from retouch.planning.connection import is_configured, provider_target, resolve_connection
from retouch.planning.model_catalogue import is_generative
from retouch.planning.model_resolution import find_model
from retouch.planning.retirement import retirements
from retouch.tenants.keys import GatewayKey
from retouch.tenants.limits import AT_COST
from retouch.tenants.permissions import is_model_allowed, require_model

_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def list_models(
    providers: tuple[Provider, ...],
    settings: Settings,
    key: GatewayKey | None = None,
    *,
    has_capabilities: bool,
) -> dict[str, Any]:
    """Return the response body with every model that the key may use, in registry order."""
    models = (
        (provider, has_key, model)
        for provider, has_key in [
            (provider, _has_key(provider, settings)) for provider in providers
        ]
        for model in provider.models
        if is_model_allowed(key, provider.name, model.id)
    )
    entries = [
        {
            **_model_summary(provider, model, key, has_key=has_key),
            **({"capabilities": _capabilities(model, key)} if has_capabilities else {}),
        }
        for provider, has_key, model in models
    ]
    return {"object": "list", "data": entries}


def read_verbose(query: Mapping[str, str]) -> bool:
    """Return whether the caller wants the capabilities of the listed models. Raises InvalidRequest."""
    text = query.get("verbose", "false").lower()
    if text not in _BOOLEANS:
        raise InvalidRequest(
            f"Invalid value {quote_value(text)} for 'verbose': send true or false.",
            param="verbose",
        )
    return _BOOLEANS[text]


def get_model(
    model_id: str,
    providers: tuple[Provider, ...],
    settings: Settings,
    key: GatewayKey | None = None,
) -> dict[str, Any]:
    """Return the response body with one model, by the id that an edit names.

    Raises InvalidRequest, ModelNotFound, or ModelNotAllowed for one that the key may not use.
    """
    provider, model = find_model(model_id, ClientCredentials(), providers)
    require_model(key, provider.name, model.id)
    summary = _model_summary(provider, model, key, has_key=_has_key(provider, settings))
    return {**summary, "capabilities": _capabilities(model, key)}


def _model_summary(
    provider: Provider, model: ModelCapabilities, key: GatewayKey | None, *, has_key: bool
) -> dict[str, Any]:
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
        "price": _tenant_price(model, key),
        "has_key": has_key,
    }


def _has_key(provider: Provider, settings: Settings) -> bool:
    """Return whether the gateway has a credential of the provider, so that the caller needs none."""
    try:
        connection = resolve_connection(provider_target(provider), ClientCredentials(), settings)
    except Fault:  # an invalid setting, which an edit reports
        return False
    return is_configured(connection, settings)


def _tenant_price(model: ModelCapabilities, key: GatewayKey | None) -> dict[str, Any]:
    """Return what the caller is charged, in US dollars. None: the model has no price of this kind."""
    charged = key.workspace.price if key else AT_COST
    price = model.price
    kinds = (
        ("picture_usd", price.per_image, 1),
        ("megapixel_usd", price.per_megapixel, 0),
        ("call_usd", price.per_call, 0),
    )
    return {
        name: charged.apply_to(to_micro_dollars(cost), pictures) / MICRO_DOLLARS if cost else None
        for name, cost, pictures in kinds
    }


def _mask_support(model: ModelCapabilities) -> str:
    """Return the support for masks: "required", "optional", "none", or "preserve" if a mask needs preserve=true."""
    if model.mask_format is None:
        return "preserve" if model.follows_instructions else "none"
    return "required" if model.requires_mask else "optional"


def _capabilities(model: ModelCapabilities, key: GatewayKey | None) -> dict[str, Any]:
    price = _tenant_price(model, key)
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
        "usd_per_picture": price["picture_usd"],
        "usd_per_megapixel": price["megapixel_usd"],
        "usd_per_call": price["call_usd"],
        "parameters": {name: spec.rule() for name, spec in model.params.items()},
    }
