"""The fullest orders that a card permits in one call: all pictures, the mask, n=2, a value for every parameter.

What cannot be had together is spread over several variants, which a table beside the stand-in names. A variant is
{"name", "without": [parameters], "with": {parameter: value}, "images", "mask", "prompt", "n"}, all optional.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cache
from random import Random
from typing import Any

from PIL import Image

from retouch import specs
from retouch.sizes import AsInput, FixedSizes, FreeSize, Ratios
from tests.contract.enrolled import PROVIDERS, table
from tests.support.pictures import encoded, hole

PROMPT = "a canary in the marked place"
SIZES = ("64x64", "128x128", "512x512", "768x768", "1024x1024", "1536x1024", "1024x1536")
COLOURS = [(16 * i % 256, 200 - 9 * i, 40 + 11 * i) for i in range(16)]


@dataclass(frozen=True)
class Wanted:
    """A request to be sent."""

    name: str
    model: str
    images: tuple[bytes, ...]
    mask: bytes | None
    prompt: str | None
    n: int
    params: dict[str, Any] = field(default_factory=dict)

    def form(self):
        """Parts of a multipart form."""
        fields = [("model", self.model), ("n", self.n)]
        fields += [("prompt", self.prompt)] if self.prompt is not None else []
        fields += [(name, as_text(value)) for name, value in self.params.items()]
        kind = "image[]" if len(self.images) > 1 else "image"
        fields += [(kind, (f"{i}.png", data, "image/png")) for i, data in enumerate(self.images)]
        return fields + ([("mask", ("mask.png", self.mask, "image/png"))] if self.mask else [])

    def changed(self, **params):
        """The same with other parameters; None leaves one out."""
        merged = {**self.params, **params}
        return replace(self, params={n: v for n, v in merged.items() if v is not None})


def as_text(value):
    return str(value).lower() if isinstance(value, bool) else str(value)


def wanted(provider, model):
    """The fullest orders of a model by the name of the variant."""
    return _wanted(provider.name, model.id)


@cache
def _wanted(provider_name, model_id):
    provider = next(p for p in PROVIDERS if p.name == provider_name)
    model = provider.model(model_id)
    rows = table(provider)
    variants = rows.get(model.id) or _derived(provider, model) or rows.get("*") or [{}]
    built = [_variant(provider, model, row) for row in variants]
    return {order.name: order for order in built}


def _derived(provider, model):
    """A model that chooses is asked for each of its operations in turn."""
    return [_meaning(provider.model(operation), model) for operation in model.chooses]


def _meaning(operation, model):
    when = operation.when
    return {
        "name": operation.id,
        "without": [name for name in model.params if name not in operation.params],
        "with": {"background": "transparent"} if when and when.transparent else {},
        "mask": False if when and when.mask is False else bool(operation.mask),
        "prompt": operation.prompt != "unread" and not (when and when.prompt is False),
        "images": (when and when.images) or operation.images,
    }


def _variant(provider, model, row):
    params = {
        n: sample(spec) for n, spec in model.params.items() if n not in row.get("without", ())
    }
    size = subject_size(model)
    masked = row.get("mask", model.mask is not None)
    return Wanted(
        name=row.get("name", "full"),
        model=f"{provider.name}/{model.id}",
        images=tuple(subject(size, i) for i in range(row.get("images", model.images))),
        mask=hole(*size) if masked else None,
        prompt=PROMPT if row.get("prompt", model.prompt != "unread") else None,
        n=row.get("n", min(2, model.n, model.per_call)),
        params={**params, **row.get("with", {})},
    )


def subject_size(model):
    """A size within the card's bounds, small enough to be quick and large enough for what is painted here."""
    bounds = model.bounds
    least = 512 if model.mask and model.mask.paint == "direct" else 96
    edge = max(least, bounds.least_edge, math.isqrt(bounds.least_pixels - 1) + 1)
    return edge, edge


@cache
def subject(size, index):
    """A picture that can be told from the others by its colour and the place of its bar, with a busy middle."""
    image = Image.new("RGB", size, COLOURS[index])
    middle = (size[0] // 2, size[1] // 2)
    noise = Random(index).randbytes(middle[0] * middle[1] * 3)
    image.paste(Image.frombytes("RGB", middle, noise), (size[0] // 4, size[1] // 4))
    image.paste((250, 250, 250), (0, 4 * index, size[0], 4 * index + 3))
    return encoded(image)


def sample(spec):
    """A value that a parameter may have: the last of a list, the high end of a range."""
    return candidates(spec)[0]


def candidates(spec):
    """Values that a parameter may have, each unlike the others; the first is the fullest."""
    kind = type(spec)
    if kind not in _CANDIDATES:
        raise TypeError(f"no sample of {kind.__name__}: teach tests/contract/orders.py")
    return _CANDIDATES[kind](spec)


_CANDIDATES = {
    specs.Unsent: lambda spec: candidates(spec.inner),
    specs.Choice: lambda spec: list(reversed(spec.values)),
    specs.Whole: lambda spec: [spec.high, spec.low],
    specs.Real: lambda spec: [spec.high, spec.low],
    specs.Flag: lambda spec: [True, False],
    specs.Words: lambda spec: ["some words"[: spec.longest], "other"[: spec.longest]],
    FixedSizes: lambda spec: sorted((s for s in spec.sizes if s != "auto"), key=_pair),
    FreeSize: lambda spec: [size for size in SIZES if spec.allows(_pair(size))],
    Ratios: lambda spec: ["1024x1024", "1536x1024"][: 1 + ("3:2" in spec.ratios)],
    AsInput: lambda spec: ["64x64", "128x128"],
}


def _pair(size):
    width, _, height = size.partition("x")
    return int(width), int(height)
