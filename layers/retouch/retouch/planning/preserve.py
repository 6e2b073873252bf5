"""Planning rules for preserving the original pixels outside the mask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from math import ceil, floor
from typing import TYPE_CHECKING, Any

from retouch.core.capabilities import ModelCapabilities
from retouch.core.edit_types import EditRequest, EncodedImage, Mask
from retouch.core.errors import InvalidRequest
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.geometry import Placement, full_canvas_placement
from retouch.core.sizes import SizeRange, parse_size

if TYPE_CHECKING:
    from PIL.Image import Image as Pixels

_MAX_NAMED_MODELS = 3  # in an error


@frozen_dataclass
class OriginalPixels:
    """The original pixels that the gateway restores in the result, wherever the mask does not mark."""

    image: EncodedImage
    mask_pixels: Pixels = field(repr=False)  # same format as Mask.pixels


@frozen_dataclass
class PreservePlan:
    """The part of the plan for the pixels outside the mask."""

    original_pixels: OriginalPixels | None = None
    mask: Mask | None = None  # the mask for the model
    prompt: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    untouched_pixels: int | None = None  # number of pixels that the model itself leaves unchanged


def plan_preservation(
    model: ModelCapabilities,
    request: EditRequest,
    mask: Mask | None,
    sent_params: Mapping[str, Any],
    placement: Placement | None = None,
    masked_models: Sequence[str] = (),
) -> PreservePlan:
    """Return the original pixels to restore, and the mask, prompt and parameters for the model.

    `placement` is that of the first image. `masked_models` are the ids of models that an error may recommend.

    Raises InvalidRequest when the request wants preserved pixels and they cannot be preserved.
    """
    if mask is None:
        _require_mask(request)
        return PreservePlan(prompt=request.prompt)
    if model.mask_format is None:
        _check_maskless_model(model, request, masked_models)
    has_input_size = _has_input_size(request, sent_params)
    if model.is_local_editor and has_input_size:
        return PreservePlan(
            mask=mask, prompt=request.prompt, untouched_pixels=mask.pixels.histogram()[0]
        )
    if request.preserve is False or not has_input_size:
        return PreservePlan(
            mask=mask, prompt=request.prompt, notes=_size_change_notes(request, has_input_size)
        )
    blend_pixels = mask.pixels if mask.blend_pixels is None else mask.blend_pixels
    original_pixels = OriginalPixels(request.images[0], blend_pixels)
    if model.mask_format is None:
        return _preserve_without_mask(model, request, mask, original_pixels, placement)
    return PreservePlan(
        original_pixels, mask, request.prompt, _size_params(model, request, sent_params)
    )


def _require_mask(request: EditRequest) -> None:
    if request.preserve:
        raise InvalidRequest(
            "'preserve' keeps the pixels that a mask does not mark, and there is no mask. Send a mask or leave it out.",
            param="preserve",
        )


def _check_maskless_model(
    model: ModelCapabilities, request: EditRequest, masked_models: Sequence[str]
) -> None:
    """Raise InvalidRequest unless a model without mask support can serve a request with a mask.

    It can if the request has preserve=true and the model keeps the geometry: the gateway then describes the region
    in the prompt and restores the original pixels afterwards.
    """
    if model.changes_geometry:
        preserve_hint = ", and 'preserve' with it" if request.preserve else ""
        remedy = f" and changes the geometry of the image, so no pixels can be restored. Leave it out{preserve_hint}"
    elif request.preserve:
        return
    else:
        others = " or ".join(masked_models[:_MAX_NAMED_MODELS])
        remedy = (
            f". Leave it out, choose {others or 'another model'}, or send preserve=true: the prompt then describes "
            "the region to edit, and the gateway restores the other pixels afterwards"
        )
    raise InvalidRequest(
        f"{model.id} cannot use a mask{remedy}.", param="mask", code="unsupported_parameter"
    )


def _has_input_size(request: EditRequest, sent_params: Mapping[str, Any]) -> bool:
    """Return whether the result has the size of the image.

    Raises InvalidRequest when the request has preserve=true and also names another size.
    """
    requested_size = parse_size(str(sent_params.get("size", "auto")))
    is_same = requested_size in (None, request.images[0].size) and "aspect_ratio" not in sent_params
    if not is_same and request.preserve:
        width, height = request.images[0].size
        name = "aspect_ratio" if "aspect_ratio" in sent_params else "size"
        raise InvalidRequest(
            f"preserve=true returns the size of your image, {width}x{height}; leave '{name}' out.",
            param=name,
        )
    return is_same


def _size_change_notes(request: EditRequest, has_input_size: bool) -> tuple[str, ...]:
    if request.preserve is None and not has_input_size:
        return ("preserve: the result has another size than the image, so no pixels were restored",)
    return ()


def _size_params(
    model: ModelCapabilities, request: EditRequest, sent_params: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Return the size of the image as a parameter if the model accepts it. The result then needs no scaling back."""
    spec = model.params.get("size")
    size = request.images[0].size
    should_send_size = request.preserve and sent_params.get("size", "auto") == "auto"
    if should_send_size and isinstance(spec, SizeRange) and spec.is_allowed(size):
        return {"size": f"{size[0]}x{size[1]}"}
    return {}


def _preserve_without_mask(
    model: ModelCapabilities,
    request: EditRequest,
    mask: Mask,
    original_pixels: OriginalPixels,
    placement: Placement | None,
) -> PreservePlan:
    """Return a plan without a mask for the model.

    A model that follows instructions gets a description of the region in the prompt. The gateway restores the
    original pixels afterwards for every model.
    """
    note = f"mask: {model.id} accepts no mask; the pixels that it does not mark were restored afterwards"
    prompt = (
        f"{request.prompt}\n\n{region_instruction(mask, placement)}"
        if model.follows_instructions
        else request.prompt
    )
    prompt_hint = (
        (", and the prompt describes the region to edit",) if model.follows_instructions else ("",)
    )
    return PreservePlan(original_pixels, None, prompt, notes=(note + prompt_hint[0],))


def region_instruction(mask: Mask, placement: Placement | None = None) -> str:
    """Return an instruction for the prompt that describes the bounding box of the marked area.

    The percentages refer to the image that the model gets, which is the canvas of the placement if there is one.
    """
    size = mask.pixels.size
    box = mask.pixels.getbbox() or (0, 0, *size)
    placement = placement or full_canvas_placement(size)
    # Rounded, because a scaled edge may miss a whole percentage by a floating-point error.
    left, top, right, bottom = (
        round(100 * edge / full, 6)
        for edge, full in zip(placement.box_on_canvas(box), placement.canvas * 2, strict=True)
    )
    return (
        f"Change only the region between {floor(left)}% and {ceil(right)}% of the width, counted from the left, and "
        f"between {floor(top)}% and {ceil(bottom)}% of the height, counted from the top. Keep everything else, and "
        "the framing, exactly as it is."
    )
