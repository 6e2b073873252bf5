"""The plan's rules about parameters: applied, mapped and noted, or refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from retouch.cards import Model
from retouch.errors import InvalidRequest
from retouch.messages import Wish
from retouch.specs import FixedSizes, FreeSize, Unsent, shown

# What OpenAI documents for this endpoint: a name in here is a parameter, whether or not a model takes it.
DOCUMENTED = frozenset(
    (
        "background",
        "input_fidelity",
        "mask",
        "model",
        "moderation",
        "n",
        "output_compression",
        "output_format",
        "partial_images",
        "prompt",
        "quality",
        "response_format",
        "size",
        "stream",
        "user",
    )
)
Fitted = tuple[dict[str, Any], tuple[str, ...]]


def fit(asked: Model, serving: Model, wish: Wish) -> Fitted:
    """Canonical values for the serving model, and a note for each that had to change."""
    wanted = {**asked.defaults, **wish.params}
    values = {name: _read(asked, name, raw) for name, raw in wanted.items()}
    _combine(values, wish)
    fitted: dict[str, Any] = {}
    notes: list[str] = []
    for name, value in values.items():
        notes += _renamed(name, wanted[name], value)
        notes += _place(asked, serving, name, value, fitted)
    return fitted, tuple(notes)


def _read(asked: Model, name: str, raw: Any) -> Any:
    spec = asked.params.get(name)
    if spec is None:
        raise _unknown(asked, name)
    return spec.read(name, raw)


def _unknown(asked: Model, name: str) -> InvalidRequest:
    if name in DOCUMENTED:
        return InvalidRequest(
            f"{asked.id} does not take '{name}'. Leave it out or choose a model that does.",
            param=name,
            code="unsupported_parameter",
        )
    near = get_close_matches(name, DOCUMENTED | asked.params.keys(), n=1)
    hint = (
        f" Did you mean '{near[0]}'?" if near else f" {asked.id} takes {', '.join(asked.params)}."
    )
    return InvalidRequest(
        f"Unknown parameter: {shown(name)}.{hint}", param=name[:64], code="unknown_parameter"
    )


def _combine(values: Mapping[str, Any], wish: Wish) -> None:
    """Rules between parameters; they are the contract's, the same for every model."""
    output_format = values.get("output_format", "png")
    if values.get("background") == "transparent" and output_format == "jpeg":
        raise InvalidRequest(
            "background 'transparent' needs output_format png or webp; jpeg has no transparency.",
            param="background",
        )
    if values.get("output_compression", 100) != 100 and output_format == "png":
        raise InvalidRequest(
            "'output_compression' needs output_format jpeg or webp; png is lossless.",
            param="output_compression",
        )
    if values.get("partial_images") and not wish.stream:
        raise InvalidRequest("'partial_images' needs stream=true.", param="partial_images")


def _renamed(name: str, raw: Any, value: Any) -> list[str]:
    changed = isinstance(raw, str) and isinstance(value, str) and raw != value
    return [f"{name}: {raw} became {value}"] if changed else []


def _place(
    asked: Model, serving: Model, name: str, value: Any, fitted: dict[str, Any]
) -> list[str]:
    """Put the value where the serving model takes it, or say why it is not sent."""
    spec = serving.params.get(name)
    if spec is None:
        return [f"{name}: {serving.id} has no such parameter, {shown(value)} was left out"]
    if isinstance(spec, Unsent):
        return [f"{name}: {spec.reason}"]
    fitted[name] = value
    if serving is asked or isinstance(spec, FixedSizes | FreeSize):  # sizes are the delivery's
        return []
    try:
        fitted[name] = spec.read(name, value)
    except InvalidRequest:
        del fitted[name]
        return [f"{name}: {serving.id} has no {shown(value)}, left to the model"]
    return _renamed(name, value, fitted[name])
