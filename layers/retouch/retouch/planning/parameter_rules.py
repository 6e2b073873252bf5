"""Planning rules for parameters: apply a parameter, map it with a note, or refuse it by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from retouch.core.capabilities import ModelCapabilities
from retouch.core.edit_types import EditRequest
from retouch.core.errors import InvalidRequest
from retouch.core.image_formats import OUTPUT_FORMATS
from retouch.core.parameters import (
    GATEWAY_PARAMS,
    EnumParam,
    IntParam,
    NotForwarded,
    ParameterSpec,
    quote_value,
)
from retouch.core.sizes import FixedSizes, SizeRange, SizeSpec, parse_size
from retouch.planning.fit_mode import PADDING_MODES

# The parameters that OpenAI documents for this endpoint. A model may still not support one of them.
OPENAI_PARAMS = frozenset(
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
FittedParams = tuple[dict[str, Any], tuple[str, ...]]


# The gateway itself applies these for every model that has no such parameter.
LOCALLY_APPLIED_PARAMS: Mapping[str, ParameterSpec] = {
    "output_format": EnumParam(OUTPUT_FORMATS),
    "output_compression": IntParam(0, 100),
    "background": EnumParam(("auto", "opaque")),
}
_IGNORABLE_PARAMS = {"partial_images": IntParam(0, 3)}


def check_names(requested: ModelCapabilities, request: EditRequest) -> None:
    """Raise InvalidRequest when the requested model has no parameter of a name in the request."""
    for name, value in request.params.items():
        if _is_requested(requested, name, value):
            _find_spec(requested, name)


def fit_params(
    requested: ModelCapabilities, serving: ModelCapabilities, request: EditRequest
) -> FittedParams:
    """Return the canonical parameter values for the serving model, and a note for each changed value.

    Raises InvalidRequest when the requested model does not accept a parameter or its value.
    """
    # The result has the size of the image in these cases, so a contract's default size must not apply.
    skipped_defaults = {"size"} if request.preserve or request.fit_mode in PADDING_MODES else set()
    defaults = {
        n: v
        for n, v in requested.default_params.items()
        if n not in {*request.params, *skipped_defaults}
    }
    wanted = {
        n: v for n, v in {**request.params, **defaults}.items() if _is_requested(requested, n, v)
    }
    values = {name: _read_value(requested, name, raw, request) for name, raw in wanted.items()}
    _check_combinations(values, request)
    sent_params: dict[str, Any] = {}
    notes: list[str] = []
    for name, value in values.items():
        notes += _rename_notes(name, wanted[name], value)
        notes += _add_param(requested, serving, name, value, sent_params)
    return sent_params, tuple(notes)


def _is_requested(requested: ModelCapabilities, name: str, value: Any) -> bool:
    """Return whether a value must be sent or refused.

    The value "auto" for a documented parameter requests nothing from a model without that parameter.
    """
    return value != "auto" or name in requested.params or name not in OPENAI_PARAMS


def _read_value(requested: ModelCapabilities, name: str, raw: Any, request: EditRequest) -> Any:
    spec = _find_spec(requested, name)
    if name == "size" and isinstance(spec, FixedSizes | SizeRange):
        return _read_size(spec, raw, request)
    return spec.read(name, raw)


def _find_spec(requested: ModelCapabilities, name: str) -> ParameterSpec:
    spec = (
        requested.params.get(name)
        or LOCALLY_APPLIED_PARAMS.get(name)
        or _IGNORABLE_PARAMS.get(name)
    )
    if spec is None:
        raise _unsupported_parameter_error(requested, name)
    return spec


def _read_size(spec: FixedSizes | SizeRange, raw: Any, request: EditRequest) -> Any:
    """Return the size to request.

    With fit=scale, accept a size that the model does not make, if it makes a larger size of the same shape.
    """
    try:
        return spec.read("size", raw)
    except InvalidRequest as error:
        size = parse_size(raw) if isinstance(raw, str) else None
        if size is None or spec.find_larger_size(size) is None:
            raise
        if request.fit_mode == "scale":
            return str(raw)
        remedy = "Or send fit=scale to render it larger and scale it down."
        raise InvalidRequest(f"{error} {remedy}", param="size") from None


def _unsupported_parameter_error(requested: ModelCapabilities, name: str) -> InvalidRequest:
    from difflib import get_close_matches

    if name in OPENAI_PARAMS:
        return InvalidRequest(
            f"{requested.id} does not take '{name}'. Leave it out or choose a model that does.",
            param=name,
            code="unsupported_parameter",
        )
    own_names = [n for n in requested.params if n not in GATEWAY_PARAMS]
    common_names = ["image", "mask", *GATEWAY_PARAMS]
    common_names += [n for n in LOCALLY_APPLIED_PARAMS if n not in own_names]
    suggestions = get_close_matches(name, {*OPENAI_PARAMS, *own_names, *common_names}, n=1)
    hint = f" Did you mean '{suggestions[0]}'?" if suggestions else ""
    own_part = f"{requested.id} takes {', '.join(own_names)}, and every" if own_names else "Every"
    return InvalidRequest(
        f"Unknown parameter: {quote_value(name)}.{hint} {own_part} model takes {', '.join(common_names)}.",
        param=name[:64],
        code="unknown_parameter",
    )


def _check_combinations(values: Mapping[str, Any], request: EditRequest) -> None:
    """Raise InvalidRequest when two parameters exclude each other. These rules are the same for every model."""
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
    if values.get("partial_images") and not request.stream:
        raise InvalidRequest("'partial_images' needs stream=true.", param="partial_images")


def _rename_notes(name: str, raw: Any, value: Any) -> list[str]:
    is_changed = isinstance(raw, str) and isinstance(value, str) and raw != value
    return [f"{name}: {raw} became {value}"] if is_changed else []


def _add_param(
    requested: ModelCapabilities,
    serving: ModelCapabilities,
    name: str,
    value: Any,
    sent_params: dict[str, Any],
) -> list[str]:
    """Add the value to `sent_params` if the serving model accepts it. Return the notes.

    A note says why a value is changed or not sent.
    """
    spec = serving.params.get(name)
    if spec is None and name in LOCALLY_APPLIED_PARAMS:
        sent_params[name] = value
        return []
    if spec is None and name in _IGNORABLE_PARAMS:
        return [f"{name}: {serving.id} sends no partial images"]
    if spec is None:
        return [f"{name}: {serving.id} has no such parameter, {quote_value(value)} was left out"]
    if isinstance(spec, NotForwarded):
        return [f"{name}: {spec.reason}"]
    sent_params[name] = value
    if serving is requested or isinstance(spec, SizeSpec):  # fit_delivery handles sizes
        return []
    try:
        sent_params[name] = spec.read(name, value)
    except InvalidRequest:
        del sent_params[name]
        return [f"{name}: {serving.id} does not accept {quote_value(value)}, so the model chooses"]
    return _rename_notes(name, value, sent_params[name])
