"""Which models and providers a gateway key may use."""

from __future__ import annotations

from retouch.core.errors import InvalidRequest
from retouch.core.parameters import quote_value
from retouch.tenants.keys import GatewayKey


class ModelNotAllowed(InvalidRequest):
    """The gateway key may not use this model or this provider."""

    status = 403
    code = "model_not_allowed"


def is_model_allowed(key: GatewayKey | None, provider: str, model_id: str) -> bool:
    """Return whether a key may use a model. A caller without a key may use every model."""
    if key is None:
        return True
    is_provider = not key.allowed_providers or provider in key.allowed_providers
    names = (f"{provider}/{model_id}", model_id)
    return is_provider and (not key.allowed_models or any(n in key.allowed_models for n in names))


def require_model(key: GatewayKey | None, provider: str, model_id: str) -> None:
    """Raise ModelNotAllowed when the key may not use the model."""
    if not is_model_allowed(key, provider, model_id):
        raise ModelNotAllowed(
            f"This key may not use the model {quote_value(f'{provider}/{model_id}')}. GET /v1/models lists the "
            "models that it may use.",
            param="model",
        )
