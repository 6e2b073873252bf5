"""The capabilities of every model as Markdown: a table of the fields, and one collapsed block for each model."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from retouch.core.capabilities import ModelCapabilities, OperationMatch, Price, Provider
from retouch.core.parameters import NotForwarded, ParameterSpec

# Every field of ModelCapabilities must have an entry. A test compares the names.
FIELD_MEANINGS: Mapping[str, str] = {
    "id": "The id of the model. A request may have the slug of the provider before it.",
    "upstream_name": "The provider's own name for the model, if it differs from the id.",
    "max_images": "The maximum number of input images.",
    "accepted_formats": "The formats of the images that a caller may send.",
    "upstream_formats": "The image formats that the provider accepts. The gateway converts the others.",
    "max_image_bytes": "The maximum size of one input image in bytes.",
    "max_request_bytes": "The maximum size of all input images and the mask together in bytes. 0: no limit.",
    "size_limits": (
        "The limits on the edges and the area of an input image in pixels, and on the ratio of the longer edge to the "
        "shorter edge. A maximum of 0 means no limit."
    ),
    "requires_square": "Whether input images must be square.",
    "requires_opaque": "Whether the gateway removes the transparency from input images.",
    "prompt_mode": (
        "`required`: the request must have a prompt. `optional`: it may have one. `unread`: the model does not read it."
    ),
    "max_prompt_chars": "The maximum length of the prompt in characters.",
    "max_n": "The maximum number of result images.",
    "max_n_per_call": "The maximum number of result images in one provider call. A larger `n` becomes several calls.",
    "mask_format": (
        "The format in which the gateway sends the mask. `polarity` says what marks the pixels to edit: `alpha` "
        "(transparent pixels), `white` or `black`. With `direct` the gateway edits these pixels itself. "
        "`supports_soft_edges`: grey pixels keep their values; otherwise the gateway thresholds them."
    ),
    "max_mask_bytes": "The maximum size of the mask in bytes.",
    "requires_mask": "Whether a mask, or transparency in the first image, must mark the area to edit.",
    "params": (
        "The parameters of the model and their rules. `aliases` are outdated values that the gateway replaces. `tiers` "
        "are the resolutions with the edge of their square image in pixels. If `edge_multiple` is listed, the model "
        "crops each edge to a multiple of it."
    ),
    "default_params": "The parameters that the gateway sends when the caller omits them.",
    "output_formats": "The formats that the provider makes itself. `none`: the provider chooses the format.",
    "supports_compression": (
        "Whether `output_compression` has the same meaning as at OpenAI. If not, the gateway compresses."
    ),
    "supports_streaming": "Whether a stream can contain partial images.",
    "default_response_format": "The `response_format` when the caller sends none.",
    "may_return_transparency": "Whether a result may be transparent although the request does not ask for it.",
    "changes_geometry": "Whether the result has another geometry by design.",
    "follows_instructions": 'Whether the prompt may be an instruction, such as "make the car red".',
    "price": (
        "The prices in US dollars. `per_image` and `per_call` are for one image and one call. If `per_megapixel` is "
        "listed, `per_image` covers the first megapixel of a result, and `per_megapixel` is for each further one and "
        "for each megapixel of an input image. If `deciding_param` is listed, the value of that parameter decides the "
        "estimate: `per_image_by_value`. The other prices are for a million tokens. A price that is not listed is zero "
        "or unknown."
    ),
    "operation": "The name of the operation, if the provider has several.",
    "operation_match": (
        "The conditions under which a request selects this operation. `mask` and `prompt`: the request has one. "
        "`any_params`: it has at least one of these parameters. `transparent`: it has `background=transparent`. "
        "`images`: the exact number of images."
    ),
    "operations": "The operations of the model. The first one that matches the request serves it.",
}


def fields_table() -> str:
    """Return a table with one row for each field of the capabilities: its meaning."""
    rows = ["| field | meaning |", "|---|---|"]
    names = (field.name for field in dataclasses.fields(ModelCapabilities))
    return "\n".join([*rows, *(f"| `{name}` | {FIELD_MEANINGS[name]} |" for name in names)])


def capabilities_blocks(providers: tuple[Provider, ...]) -> str:
    """Return a heading for each provider and a collapsed table for each of its models."""
    blocks = []
    for provider in providers:
        blocks.append(f"### {provider.title}")
        blocks += [model_block(f"{provider.name}/{m.id}", m) for m in provider.models]
        if provider.deployment_template:
            blocks.append(model_block(f"{provider.name}/*", provider.deployment_template))
    return "\n\n".join(blocks)


def model_block(full_id: str, model: ModelCapabilities) -> str:
    """Return the collapsed table of a model, with one row for each field."""
    rows = [f"| `{name}` | {text} |" for name, text in _field_texts(model)]
    lines = (
        f"<details><summary><code>{full_id}</code></summary>",
        "",
        "| field | value |",
        "|---|---|",
        *rows,
        "",
        "</details>",
    )
    return "\n".join(lines)


def _field_texts(model: ModelCapabilities) -> Iterator[tuple[str, str]]:
    for field in dataclasses.fields(model):
        value = getattr(model, field.name)
        text = _params_text(value) if field.name == "params" else _value_text(value)
        yield field.name, text.replace("|", "\\|")


def _params_text(params: Mapping[str, ParameterSpec]) -> str:
    return "<br>".join(f"`{name}`: {_spec_text(spec)}" for name, spec in params.items()) or "none"


def _spec_text(spec: ParameterSpec) -> str:
    """Return the rule of a parameter and what the rule does not say: the optional fields that are set."""
    if isinstance(spec, NotForwarded):
        return f"{_spec_text(spec.inner)}; not sent to the provider: {spec.reason}"
    return "; ".join(filter(None, (spec.rule(), _pairs_text(_set_fields(spec)))))


def _value_text(value: Any) -> str:
    if value is None or value == "" or value == () or value == {}:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} = {_value_text(item)}" for name, item in value.items())
    if isinstance(value, tuple):
        return ", ".join(map(_value_text, value))
    if dataclasses.is_dataclass(value):
        return _dataclass_text(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _dataclass_text(value: Any) -> str:
    """Return the fields of a value. Prices and conditions are listed only if they are set."""
    if isinstance(value, OperationMatch):
        return _pairs_text(_set_fields(value)) or "every request"
    if isinstance(value, Price):
        return _pairs_text(_set_fields(value)) or "none"
    return _pairs_text((f.name, getattr(value, f.name)) for f in dataclasses.fields(value))


def _pairs_text(pairs: Iterable[tuple[str, Any]]) -> str:
    return ", ".join(f"`{name}`: {_value_text(value)}" for name, value in pairs)


def _set_fields(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the optional fields of a dataclass whose values differ from their defaults."""
    for field in dataclasses.fields(value):
        default = field.default
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        item = getattr(value, field.name)
        if default is not dataclasses.MISSING and item != default:
            yield field.name, item
