"""Sample requests that use everything a model's capabilities permit: all images, the mask, n=2, every parameter.

Some parameters exclude each other. They are then spread over several variants, which a JSON file next to the stand-in
lists. A variant is {"name", "without": [parameters], "with": {parameter: value}, "images", "mask", "prompt", "n"}.
All keys are optional.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cache
from random import Random
from typing import Any

from PIL import Image

from retouch.core import parameters
from retouch.core.sizes import AspectRatios, FixedSizes, SameAsInput, SizeRange
from retouch.providers import PROVIDERS
from tests.contract.registry import (
    is_live,
    variant_table,
)
from tests.support.images import box_mask, encode_image

PROMPT = "a canary in the marked place"
SIZES = ("64x64", "128x128", "512x512", "768x768", "1024x1024", "1536x1024", "1024x1536")
COLOURS = [(16 * i % 256, 200 - 9 * i, 40 + 11 * i) for i in range(16)]


@dataclass(frozen=True)
class SampleRequest:
    """An edit request of a test."""

    name: str
    model: str
    images: tuple[bytes, ...]
    mask: bytes | None
    prompt: str | None
    n: int
    params: dict[str, Any] = field(default_factory=dict)

    def form_fields(self):
        """Return the request as parts of a multipart form."""
        fields = [("model", self.model), ("n", self.n)]
        fields += [("prompt", self.prompt)] if self.prompt is not None else []
        fields += [(name, form_text(value)) for name, value in self.params.items()]
        image_field = "image[]" if len(self.images) > 1 else "image"
        fields += [
            (image_field, (f"{i}.png", data, "image/png")) for i, data in enumerate(self.images)
        ]
        return fields + ([("mask", ("mask.png", self.mask, "image/png"))] if self.mask else [])

    def with_params(self, **params):
        """Return a copy with other parameters. The value None removes a parameter."""
        merged = {**self.params, **params}
        return replace(self, params={n: v for n, v in merged.items() if v is not None})


def form_text(value):
    return str(value).lower() if isinstance(value, bool) else str(value)


def sample_requests(provider, model):
    """Return the sample requests of a model as {variant name: SampleRequest}."""
    return _cached_sample_requests(provider.name, model.id)


@cache
def _cached_sample_requests(provider_name, model_id):
    provider = next(p for p in PROVIDERS if p.name == provider_name)
    model = provider.find_model(model_id)
    assert model is not None
    variants_by_model = variant_table(provider)
    variants = (
        variants_by_model.get(model.id)
        or _operation_variants(provider, model)
        or variants_by_model.get("*")
        or [{}]
    )
    requests = [_sample_request(provider, model, variant) for variant in variants]
    return {request.name: request for request in requests}


def _operation_variants(provider, model):
    """Return one variant per operation of a model that chooses between operations."""
    return [
        _operation_variant(provider.find_model(operation), model) for operation in model.operations
    ]


def _operation_variant(operation, model):
    condition = operation.operation_match
    return {
        "name": operation.id,
        "without": [name for name in model.params if name not in operation.params],
        "with": {"background": "transparent"} if condition and condition.transparent else {},
        "mask": False if condition and condition.mask is False else bool(operation.mask_format),
        "prompt": operation.prompt_mode != "unread"
        and not (condition and condition.prompt is False),
        "images": (condition and condition.images) or operation.max_images,
    }


def _sample_request(provider, model, variant):
    params = {
        n: sample_value(spec)
        for n, spec in model.params.items()
        if n not in variant.get("without", ())
    }
    image_size = sample_image_size(model)
    has_mask = variant.get("mask", model.mask_format is not None)
    return SampleRequest(
        name=variant.get("name", "full"),
        model=f"{provider.name}/{model.id}",
        images=tuple(
            sample_image(image_size, i) for i in range(variant.get("images", model.max_images))
        ),
        mask=box_mask(*image_size) if has_mask else None,
        prompt=PROMPT if variant.get("prompt", model.prompt_mode != "unread") else None,
        n=variant.get("n", min(2, model.max_n, model.max_n_per_call)),
        params={**params, **variant.get("with", {})},
    )


def sample_image_size(model):
    """Return an image size within the model's limits.

    It is small for speed. It is larger for a model whose region the gateway paints itself.
    """
    limits = model.size_limits
    min_edge = 512 if model.mask_format and model.mask_format.polarity == "direct" else 96
    edge = max(min_edge, limits.min_edge, math.isqrt(limits.min_pixels - 1) + 1)
    return edge, edge


@cache
def sample_image(size, index):
    """Return an image as PNG bytes.

    Its colour and the position of its bar identify its index. The middle is noise.
    """
    image = Image.new("RGB", size, COLOURS[index])
    center_size = (size[0] // 2, size[1] // 2)
    noise = Random(index).randbytes(center_size[0] * center_size[1] * 3)
    image.paste(Image.frombytes("RGB", center_size, noise), (size[0] // 4, size[1] // 4))
    image.paste((250, 250, 250), (0, 4 * index, size[0], 4 * index + 3))
    return encode_image(image)


def sample_value(spec):
    """Return a valid value of a parameter: the last of a list, or the upper limit of a range."""
    return sample_values(spec)[0]


def sample_values(spec):
    """Return different valid values of a parameter. The first is the one that the sample requests use."""
    spec_type = type(spec)
    if spec_type not in _SAMPLE_VALUES:
        raise TypeError(
            f"no sample value for {spec_type.__name__}: add one to tests/contract/sample_requests.py"
        )
    return _SAMPLE_VALUES[spec_type](spec)


_SAMPLE_VALUES = {
    parameters.NotForwarded: lambda spec: sample_values(spec.inner),
    parameters.EnumParam: lambda spec: list(reversed(spec.values)),
    parameters.IntParam: lambda spec: [spec.maximum, spec.minimum],
    parameters.FloatParam: lambda spec: [spec.maximum, spec.minimum],
    parameters.BoolParam: lambda spec: [True, False],
    parameters.StringParam: lambda spec: [
        "some words"[: spec.max_length],
        "other"[: spec.max_length],
    ],
    FixedSizes: lambda spec: sorted((s for s in spec.sizes if s != "auto"), key=_parse_size),
    SizeRange: lambda spec: [size for size in SIZES if spec.is_allowed(_parse_size(size))],
    AspectRatios: lambda spec: ["1024x1024", "1536x1024"][: 1 + ("3:2" in spec.ratios)],
    SameAsInput: lambda spec: ["64x64", "128x128"],
}


def _parse_size(size):
    width, _, height = size.partition("x")
    return int(width), int(height)


def first_request(provider):
    """Return the first sample request with n=1.

    Two parallel calls would share the scripted responses of the stand-in.
    """
    model = next(m for m in provider.models if is_live(provider, m))
    return replace(next(iter(sample_requests(provider, model).values())), n=1)
