"""Validation of the resolved inputs that does not depend on the model. The result is an EditRequest.

The format and size of each image come from its bytes, not from what the caller declares.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from retouch.core.edit_types import (
    EditRequest,
    EncodedImage,
    FitMode,
    Mask,
    MaskShapes,
    ParsedForm,
    ResolvedInputs,
    ResponseFormat,
)
from retouch.core.errors import InvalidRequest
from retouch.core.parameters import GATEWAY_PARAMS, BoolParam, EnumParam, IntParam, StringParam
from retouch.imaging.colour_facts import inspect_input_image
from retouch.imaging.masks.adjust import MAX_FEATHER, MAX_GROW, MaskAdjustments
from retouch.imaging.masks.read import MaskMode, read_mask
from retouch.imaging.masks.shapes import draw_mask

_PROMPT_PARAM = StringParam(32_000)
_MODEL_PARAM = StringParam(256)
_N_PARAM = IntParam(1, 10)
_FLAG_PARAM = BoolParam()
_RESPONSE_FORMAT_PARAM = EnumParam(("b64_json", "url"))
_FIT_PARAM = EnumParam(("auto", "strict", "pad", "scale"))
_MASK_MODE_PARAM = EnumParam(("alpha", "opaque", "white", "black", "auto"))
_MASK_GROW_PARAM = IntParam(-MAX_GROW, MAX_GROW)
_MASK_FEATHER_PARAM = IntParam(0, MAX_FEATHER)
_PLACEHOLDER = EncodedImage(b"", "png", 1, 1)
# Parameters that say how to read a mask file, and what to do instead for shapes.
_MASK_FILE_PARAMS = {
    "mask_mode": "says how to read a mask file; shapes always mark what to edit. Leave it out.",
    "mask_grow": "applies to a mask file. Send the key 'grow' of the mask object instead.",
    "mask_feather": "applies to a mask file. Send the key 'feather' of the mask object instead.",
}


def validate(inputs: ResolvedInputs) -> EditRequest:
    """Return the typed edit request. Raises InvalidRequest with the field, the value, the rule and the remedy."""
    images = _inspect_images(inputs)
    return _build_request(inputs.values, images, _resolve_mask(inputs, images))


def validate_without_images(form: ParsedForm) -> EditRequest:
    """Return the typed edit request with a placeholder for each image, which is fetched later.

    Raises InvalidRequest.
    """
    if not form.images:
        raise _missing_image_error()
    if form.mask is None:
        _reject_mask_params(form.values)
    return _build_request(form.values, (_PLACEHOLDER,) * len(form.images), None)


def is_stream_requested(form: ParsedForm) -> bool:
    """Return whether the request asks for an event stream. Raises InvalidRequest when `stream` is not a boolean."""
    return _FLAG_PARAM.read("stream", form.values.get("stream", False))


def is_dry_run(form: ParsedForm) -> bool:
    """Return whether the request asks for a plan only. Raises InvalidRequest when `dry_run` is not a boolean."""
    return _FLAG_PARAM.read("dry_run", form.values.get("dry_run", False))


def apply_overrides(
    request: EditRequest, inputs: ResolvedInputs, params: Mapping[str, Any]
) -> EditRequest:
    """Return the request with some parameters replaced. Raises InvalidRequest when a new value is invalid."""
    if not params:
        return request
    for name in ("image", "images", "mask", *_MASK_FILE_PARAMS):
        if name in params:
            raise InvalidRequest(
                f"override_params cannot replace '{name}'. Leave it out.", param=name
            )
    if request.mask is None:
        _reject_mask_params(params)
    return _build_request({**inputs.values, **params}, request.images, request.mask)


def _build_request(
    values: Mapping[str, Any], images: tuple[EncodedImage, ...], mask: Mask | None
) -> EditRequest:
    return EditRequest(
        prompt=_read_prompt(values.get("prompt")),
        images=images,
        mask=mask,
        model=_MODEL_PARAM.read("model", values["model"]) if "model" in values else None,
        n=_N_PARAM.read("n", values.get("n", 1)),
        response_format=_read_response_format(values.get("response_format")),
        stream=_FLAG_PARAM.read("stream", values.get("stream", False)),
        preserve=_FLAG_PARAM.read("preserve", values["preserve"]) if "preserve" in values else None,
        fit_mode=_read_fit(values.get("fit", "auto")),
        dry_run=_FLAG_PARAM.read("dry_run", values.get("dry_run", False)),
        allow_full_mask=_FLAG_PARAM.read("allow_full_mask", values.get("allow_full_mask", False)),
        params={name: value for name, value in values.items() if name not in GATEWAY_PARAMS},
    )


def _inspect_images(inputs: ResolvedInputs) -> tuple[EncodedImage, ...]:
    if not inputs.images:
        raise _missing_image_error()
    has_several = len(inputs.images) > 1
    return tuple(
        inspect_input_image(data, f"image[{i}]" if has_several else "image")
        for i, data in enumerate(inputs.images)
    )


def _resolve_mask(inputs: ResolvedInputs, images: tuple[EncodedImage, ...]) -> Mask | None:
    mask, values = inputs.mask, inputs.values
    if mask is None:
        _reject_mask_params(values)
        return None
    if isinstance(mask, MaskShapes):
        for name, remedy in _MASK_FILE_PARAMS.items():
            if name in values:
                raise InvalidRequest(f"'{name}' {remedy}", param=name)
        return draw_mask(mask.spec, images[0])
    mode = cast(MaskMode, _MASK_MODE_PARAM.read("mask_mode", values.get("mask_mode", "alpha")))
    adjustments = MaskAdjustments(
        grow=_MASK_GROW_PARAM.read("mask_grow", values.get("mask_grow", 0)),
        feather=_MASK_FEATHER_PARAM.read("mask_feather", values.get("mask_feather", 0)),
    )
    file_mask = read_mask(mask, images[0], mode=mode, adjustments=adjustments)
    origin = replace(file_mask.origin, is_default="mask_mode" not in values)
    return replace(file_mask, origin=origin)


def _reject_mask_params(values: Mapping[str, Any]) -> None:
    for name in (*_MASK_FILE_PARAMS, "allow_full_mask"):
        if name in values:
            raise InvalidRequest(
                f"'{name}' applies to a mask, and the request has no mask. Leave it out.",
                param=name,
            )


def _read_fit(value: Any) -> FitMode:
    return cast(FitMode, _FIT_PARAM.read("fit", value))


def _read_prompt(value: Any) -> str:
    """Return the prompt, or "" when there is none. The model decides later whether it needs a prompt."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return ""
    prompt = _PROMPT_PARAM.read("prompt", value)
    if "\0" in prompt:
        raise InvalidRequest(
            "'prompt' contains a NUL character; send plain text.",
            param="prompt",
            code="invalid_text",
        )
    return prompt


def _read_response_format(value: Any) -> ResponseFormat | None:
    if value is None:
        return None
    return "url" if _RESPONSE_FORMAT_PARAM.read("response_format", value) == "url" else "b64_json"


def _missing_image_error() -> InvalidRequest:
    return _missing_parameter_error(
        "image",
        "Send the image to edit: in a form as a file named 'image', in JSON as "
        '"images": [{"image_url": "https://..."}] or with a data:image/png;base64,... URL.',
    )


def _missing_parameter_error(name: str, remedy: str) -> InvalidRequest:
    return InvalidRequest(
        f"Missing required parameter: '{name}'. {remedy}",
        param=name,
        code="missing_required_parameter",
    )
