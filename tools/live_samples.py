"""The cheapest edit request of a model that still shows whether the model followed the instruction."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil, sqrt
from typing import Any

from PIL import Image, ImageDraw

from retouch.core.capabilities import ModelCapabilities
from retouch.core.parameters import EnumParam, FloatParam, IntParam, ParameterSpec, StringParam
from retouch.core.sizes import FixedSizes, SizeRange, parse_size

PROMPT = "Replace the red square by a blue circle."
# In pixels. Every model accepts this size unless its capabilities set a higher minimum.
_DEFAULT_EDGE = 512
# The first value other than auto costs least.
_COST_PARAMETERS = ("quality", "complexity", "resolution")


@dataclass(frozen=True)
class SampleEdit:
    """An image with a red square, a mask of the square, and the fields of the form."""

    image: Image.Image
    mask: Image.Image | None
    fields: Mapping[str, Any]

    def files(self) -> dict[str, tuple[str, bytes, str]]:
        """Return the file parts of the form."""
        images = {"image": self.image, **({"mask": self.mask} if self.mask else {})}
        return {n: (f"{n}.png", encode_png(image), "image/png") for n, image in images.items()}


def sample_edit(model: ModelCapabilities) -> SampleEdit:
    """Return the sample edit for one image of the model."""
    edge = max(_DEFAULT_EDGE, model.size_limits.min_edge, ceil(sqrt(model.size_limits.min_pixels)))
    square = (edge // 3, edge // 3, 2 * edge // 3, 2 * edge // 3)
    image = Image.linear_gradient("L").resize((edge, edge)).convert("RGB")
    ImageDraw.Draw(image).rectangle(square, fill=(220, 30, 30))
    mask = Image.new("RGBA", image.size, (0, 0, 0, 255))
    mask.paste((0, 0, 0, 0), square)
    return SampleEdit(image, mask if model.mask_format else None, sample_fields(model))


def sample_fields(model: ModelCapabilities) -> dict[str, Any]:
    """Return the prompt, the cheapest settings and the parameter that selects the operation."""
    values = {
        name: _cheapest_value(model.params[name])
        for name in _COST_PARAMETERS
        if name in model.params
    }
    values["size"] = _smallest_size(model.params.get("size"))
    values["prompt"] = PROMPT if model.prompt_mode != "unread" else None
    if model.operation_match and model.operation_match.any_params:
        values[model.operation_match.any_params[0]] = _sample_value(
            model.params[model.operation_match.any_params[0]]
        )
    return {name: value for name, value in values.items() if value is not None}


def _cheapest_value(spec: ParameterSpec) -> str | None:
    if not isinstance(spec, EnumParam):
        return None
    return next((value for value in spec.values if value != "auto"), None)


def _smallest_size(spec: ParameterSpec | None) -> str | None:
    """Return the smallest size of the model, or None when the model has no sizes of its own."""
    if isinstance(spec, FixedSizes):
        sizes = [size for size in map(parse_size, spec.sizes) if size]
        width, height = min(sizes, key=lambda size: size[0] * size[1])
        return f"{width}x{height}"
    if isinstance(spec, SizeRange):
        edge = ceil(sqrt(spec.min_pixels) / spec.edge_multiple) * spec.edge_multiple
        return f"{edge}x{edge}" if edge > 1 else None
    return None


def _sample_value(spec: ParameterSpec) -> Any:
    """Return a valid value for the parameter that selects the operation."""
    return next((make(spec) for kind, make in _SAMPLE_VALUES if isinstance(spec, kind)), None)


_SAMPLE_VALUES: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (StringParam, lambda _: "the red square"),
    (EnumParam, lambda spec: spec.values[-1]),
    (IntParam, lambda spec: min(64, spec.maximum)),
    (FloatParam, lambda spec: (spec.minimum + spec.maximum) / 2),
)


def encode_png(image: Image.Image) -> bytes:
    """Return the image encoded as PNG."""
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()
