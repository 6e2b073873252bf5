"""The plan's rules about parameters: applied, mapped and noted, or refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from retouch.cards import Model
from retouch.errors import InvalidRequest
from retouch.messages import Wish
from retouch.sizes import FixedSizes, FreeSize, SizeSpec, parse_size
from retouch.specs import Choice, Spec, Unsent, Whole, shown

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


# What is done here for every model that does not do it itself.
LOCAL: Mapping[str, Spec] = {
    "output_format": Choice(("png", "jpeg", "webp")),
    "output_compression": Whole(0, 100),
    "background": Choice(("auto", "opaque")),
}
_ALWAYS = {"partial_images": Whole(0, 3)}


def fit(asked: Model, serving: Model, wish: Wish) -> Fitted:
    """Canonical values for the serving model, and a note for each that had to change."""
    # A contract's default size is no wish for another size than the picture's, which preserve=true answers in.
    unsaid = {"size"} if wish.preserve else set()
    defaults = {n: v for n, v in asked.defaults.items() if n not in {*wish.params, *unsaid}}
    wanted = {n: v for n, v in {**wish.params, **defaults}.items() if _is_a_wish(asked, n, v)}
    values = {name: _read(asked, name, raw, wish) for name, raw in wanted.items()}
    _combine(values, wish)
    fitted: dict[str, Any] = {}
    notes: list[str] = []
    for name, value in values.items():
        notes += _renamed(name, wanted[name], value)
        notes += _place(asked, serving, name, value, fitted)
    return fitted, tuple(notes)


def _is_a_wish(asked: Model, name: str, value: Any) -> bool:
    """ "auto" leaves it to the model, which a model without the parameter does anyway."""
    return value != "auto" or name in asked.params or name not in DOCUMENTED


def _read(asked: Model, name: str, raw: Any, wish: Wish) -> Any:
    spec = asked.params.get(name) or LOCAL.get(name) or _ALWAYS.get(name)
    if spec is None:
        raise _unknown(asked, name)
    if name == "size" and isinstance(spec, FixedSizes | FreeSize):
        return _size(spec, raw, wish)
    return spec.read(name, raw)


def _size(spec: FixedSizes | FreeSize, raw: Any, wish: Wish) -> Any:
    """A size the model does not make is taken with fit=scale if it makes a larger one of that shape."""
    try:
        return spec.read("size", raw)
    except InvalidRequest as refused:
        size = parse_size(raw) if isinstance(raw, str) else None
        if size is None or spec.larger(size) is None:
            raise
        if wish.fit == "scale":
            return str(raw)
        remedy = "Or send fit=scale to have it made larger and scaled down."
        raise InvalidRequest(f"{refused} {remedy}", param="size") from None


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
    if spec is None and name in LOCAL:
        fitted[name] = value
        return []
    if spec is None and name in _ALWAYS:
        return [f"{name}: {serving.id} sends no previews"]
    if spec is None:
        return [f"{name}: {serving.id} has no such parameter, {shown(value)} was left out"]
    if isinstance(spec, Unsent):
        return [f"{name}: {spec.reason}"]
    fitted[name] = value
    if serving is asked or isinstance(spec, SizeSpec):  # sizes are the delivery's
        return []
    try:
        fitted[name] = spec.read(name, value)
    except InvalidRequest:
        del fitted[name]
        return [f"{name}: {serving.id} has no {shown(value)}, left to the model"]
    return _renamed(name, value, fitted[name])
