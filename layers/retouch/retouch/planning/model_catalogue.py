"""Which models generate content, and which of them an error message suggests."""

from __future__ import annotations

from datetime import date

from retouch.core.capabilities import ModelCapabilities, Provider
from retouch.planning.retirement import retirements


def generative_models(providers: tuple[Provider, ...], today: date) -> list[str]:
    """Return the ids of default models that are generative and not shut down, for suggestions in errors."""
    return [
        f"{provider.name}/{model.id}"
        for provider in providers
        if (model := provider.find_model(provider.default_model)) and is_generative(model)
        if not (
            (retirement := retirements().get(f"{provider.name}/{model.id}"))
            and retirement.is_shut_down(today)
        )
    ]


def is_generative(model: ModelCapabilities) -> bool:
    """Return whether a model generates new content. Other models only move, filter or fill existing pixels."""
    fills_mask = model.mask_format is not None and model.mask_format.polarity != "direct"
    return fills_mask or model.follows_instructions or bool(model.operations)
