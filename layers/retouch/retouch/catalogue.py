"""GET /v1/models: OpenAI's list, with what each model can do and until when."""

from __future__ import annotations

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


def _capabilities(model: Model) -> dict[str, Any]:
    return {
        "edit": True,
        "mask": "required" if model.needs_mask else "optional" if model.mask else "none",
        "max_images": model.images,
        "max_n": model.n,
        "max_image_bytes": model.image_bytes,
        "max_prompt_chars": model.prompt_chars,
        "input_formats": list(model.accepts),
        "square": model.square,
        "streaming": model.streams,
        "response_format": model.response_format,
        "parameters": {name: spec.rule() for name, spec in model.params.items()},
    }
