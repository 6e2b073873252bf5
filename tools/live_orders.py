"""The cheapest order that a card permits and that still shows whether the model did what it was told."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil, sqrt
from typing import Any

from PIL import Image, ImageDraw

from retouch.cards import Model
from retouch.sizes import FixedSizes, FreeSize, parse_size
from retouch.specs import Choice, Real, Spec, Whole, Words

PROMPT = "Replace the red square by a blue circle."
_EDGE = 512  # pixels: small, and no model refuses it unless its card says so
_CHEAP = ("quality", "complexity", "resolution")  # the first value other than auto costs least


@dataclass(frozen=True)
class Order:
    """A picture with a red square, a mask that marks the square, and the form's fields."""

    picture: Image.Image
    mask: Image.Image | None
    fields: Mapping[str, Any]

    def files(self) -> dict[str, tuple[str, bytes, str]]:
        """The form's files."""
        pictures = {"image": self.picture, **({"mask": self.mask} if self.mask else {})}
        return {n: (f"{n}.png", encoded(image), "image/png") for n, image in pictures.items()}


def order(model: Model) -> Order:
    """One picture of one model."""
    edge = max(_EDGE, model.bounds.least_edge, ceil(sqrt(model.bounds.least_pixels)))
    square = (edge // 3, edge // 3, 2 * edge // 3, 2 * edge // 3)
    picture = Image.linear_gradient("L").resize((edge, edge)).convert("RGB")
    ImageDraw.Draw(picture).rectangle(square, fill=(220, 30, 30))
    mask = Image.new("RGBA", picture.size, (0, 0, 0, 255))
    mask.paste((0, 0, 0, 0), square)
    return Order(picture, mask if model.mask else None, fields(model))


def fields(model: Model) -> dict[str, Any]:
    """The prompt, the cheapest settings, and what the operation cannot do without."""
    found = {name: _cheapest(model.params[name]) for name in _CHEAP if name in model.params}
    found["size"] = _smallest(model.params.get("size"))
    found["prompt"] = PROMPT if model.prompt != "unread" else None
    if model.when and model.when.given:
        found[model.when.given[0]] = _sample(model.params[model.when.given[0]])
    return {name: value for name, value in found.items() if value is not None}


def _cheapest(spec: Spec) -> str | None:
    if not isinstance(spec, Choice):
        return None
    return next((value for value in spec.values if value != "auto"), None)


def _smallest(spec: Spec | None) -> str | None:
    """The smallest square; left out where the model has no sizes of its own."""
    if isinstance(spec, FixedSizes):
        made = [size for size in map(parse_size, spec.sizes) if size]
        width, height = min(made, key=lambda size: size[0] * size[1])
        return f"{width}x{height}"
    if isinstance(spec, FreeSize):
        edge = ceil(sqrt(spec.least_pixels) / spec.step) * spec.step
        return f"{edge}x{edge}" if edge > 1 else None
    return None


def _sample(spec: Spec) -> Any:
    """A value for a parameter without which the operation is not meant."""
    return next((make(spec) for kind, make in _SAMPLES if isinstance(spec, kind)), None)


_SAMPLES: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (Words, lambda _: "the red square"),
    (Choice, lambda spec: spec.values[-1]),
    (Whole, lambda spec: min(64, spec.high)),
    (Real, lambda spec: (spec.low + spec.high) / 2),
)


def encoded(image: Image.Image) -> bytes:
    """As PNG."""
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()
