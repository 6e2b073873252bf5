"""GET /v1/models: OpenAI's list, with what each model can do and until when."""

from __future__ import annotations

from datetime import date
from typing import Any

from retouch.cards import Model, Provider
from retouch.lifecycle import endings


def listing(providers: tuple[Provider, ...]) -> dict[str, Any]:
    """Every model of every provider, in the order of the register."""
    return {"object": "list", "data": [_entry(p, m) for p in providers for m in p.models]}


def _entry(provider: Provider, model: Model) -> dict[str, Any]:
    full = f"{provider.name}/{model.id}"
    ending = endings().get(full)
    return {
        "id": full,
        "object": "model",
        "created": 0,
        "owned_by": provider.name,
        "shutdown_date": ending.ends.isoformat() if ending else None,
        "successor": (ending.successor or None) if ending else None,
        "capabilities": _capabilities(model),
    }


def painters(providers: tuple[Provider, ...], today: date) -> list[str]:
    """The default models that paint and are alive, one a provider: what to name to somebody who needs one."""
    return [
        f"{provider.name}/{card.id}"
        for provider in providers
        if (card := provider.model(provider.default_model)) and paints(card)
        if not ((ending := endings().get(f"{provider.name}/{card.id}")) and ending.over(today))
    ]


def paints(model: Model) -> bool:
    """Whether it makes new content, and not only moves, filters and fills what is there."""
    by_itself = model.mask is not None and model.mask.paint != "direct"
    return by_itself or model.instructs or bool(model.chooses)


def _mask(model: Model) -> str:
    """ "preserve" where a mask needs preserve=true."""
    if model.mask is None:
        return "preserve" if model.instructs else "none"
    return "required" if model.needs_mask else "optional"


def _capabilities(model: Model) -> dict[str, Any]:
    return {
        "edit": True,
        "paints": paints(model),
        "operation": model.operation or None,
        "operations": list(model.chooses),
        "mask": _mask(model),
        "max_images": model.images,
        "max_n": model.n,
        "max_image_bytes": model.image_bytes,
        "max_prompt_chars": model.prompt_chars,
        "input_formats": list(model.accepts),
        "square": model.square,
        "streaming": model.streams,
        "response_format": model.response_format,
        "usd_per_picture": model.price.picture or None,
        "usd_per_call": model.price.call or None,
        "parameters": {name: spec.rule() for name, spec in model.params.items()},
    }
