"""The capabilities and request fields of Stability's image services. All hosts that serve them share this module.

Facts from Stability's OpenAPI document (2026-08) and the AWS pages on the same services, as of 2026-11. A mask is
white where to edit, and its grey values mean partial strength. No service follows instructions: a prompt describes
the finished image, or the part of it that is replaced. The services read prompts in English only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from retouch.core.capabilities import (
    SOFT_WHITE_MASK,
    ModelCapabilities,
    OperationMatch,
    ParsedError,
    Price,
    SizeLimits,
)
from retouch.core.edit_types import EncodedImage
from retouch.core.parameters import (
    EnumParam,
    FloatParam,
    IntParam,
    NotForwarded,
    ParameterSpec,
    StringParam,
)
from retouch.core.provider_protocol import ProviderJob
from retouch.core.sizes import AspectRatios, SameAsInput
from retouch.providers._shared.request_building import drop_none

MAX_PROMPT_CHARS = 10_000  # characters of any prompt
DEFAULT_STRENGTH = 0.7  # default for image-to-image; 1 would ignore the input image
OUTPAINT_EDGES = ("left", "right", "up", "down")

TEXT = StringParam(MAX_PROMPT_CHARS)
FRACTION = FloatParam(0, 1)
GROW_MASK = IntParam(0, 20)
OUTPUT_FORMAT = EnumParam(("png", "jpeg", "webp"))
STYLE_PRESET = EnumParam(
    (
        "3d-model", "analog-film", "anime", "cinematic", "comic-book", "digital-art", "enhance",
        "fantasy-art", "isometric", "line-art", "low-poly", "modeling-compound", "neon-punk",
        "origami", "photographic", "pixel-art", "tile-texture",
    )
)  # fmt: skip
ASPECT_RATIOS = ("16:9", "1:1", "21:9", "2:3", "3:2", "4:5", "5:4", "9:16", "9:21")

ANY_RATIO_LIMITS = SizeLimits(min_edge=64, min_pixels=4096, max_pixels=9_437_184)
DEFAULT_LIMITS = SizeLimits(
    min_edge=64, min_pixels=4096, max_pixels=9_437_184, max_aspect_ratio=2.5
)

OUTPUT_PARAMS: Mapping[str, ParameterSpec] = {
    "seed": IntParam(0, 4_294_967_294),
    "output_format": OUTPUT_FORMAT,
}
SIZE_PARAMS: Mapping[str, ParameterSpec] = {**OUTPUT_PARAMS, "size": SameAsInput()}
RATIO_PARAMS: Mapping[str, ParameterSpec] = {
    **OUTPUT_PARAMS,
    "size": AspectRatios(ASPECT_RATIOS),
    "aspect_ratio": EnumParam(ASPECT_RATIOS),
}
STYLE_PARAMS: Mapping[str, ParameterSpec] = {"negative_prompt": TEXT, "style_preset": STYLE_PRESET}
OUTPAINT_PARAMS: Mapping[str, ParameterSpec] = {
    **OUTPUT_PARAMS,
    **dict.fromkeys(OUTPAINT_EDGES, IntParam(0, 2000)),
    "style_preset": STYLE_PRESET,
}
SEARCH_PARAMS: Mapping[str, ParameterSpec] = {**SIZE_PARAMS, **STYLE_PARAMS, "grow_mask": GROW_MASK}
CONTROL_PARAMS: Mapping[str, ParameterSpec] = {
    **SIZE_PARAMS,
    **STYLE_PARAMS,
    "control_strength": FRACTION,
}
TRANSFER_PARAMS: Mapping[str, ParameterSpec] = {
    **SIZE_PARAMS,
    "negative_prompt": TEXT,
    "composition_fidelity": FRACTION,
    "style_strength": FRACTION,
    "change_strength": FloatParam(0.1, 1),
}
REMOVE_BACKGROUND_PARAMS: Mapping[str, ParameterSpec] = {
    "size": SameAsInput(),
    "output_format": OUTPUT_FORMAT,
    "background": NotForwarded(EnumParam(("auto", "transparent")), "always transparent after this"),
}

# The first match decides. Parameters that name an operation come before a mask. image-to-image matches all the rest.
OPERATION_MATCHES: Mapping[str, OperationMatch] = {
    "outpaint": OperationMatch(any_params=OUTPAINT_EDGES),
    "search-and-replace": OperationMatch(any_params=("search_prompt",)),
    "search-and-recolor": OperationMatch(any_params=("select_prompt",)),
    "inpaint": OperationMatch(mask=True, prompt=True),
    "erase": OperationMatch(mask=True, prompt=False),
    "remove-background": OperationMatch(mask=False, transparent=True),
    "image-to-image": OperationMatch(),
}
# never chosen by `edit`; it needs two images
_EXTRA_MATCHES = {"style-transfer": OperationMatch(images=2)}
_MASKED_OPERATIONS = ("inpaint", "erase")
_PROMPT_USE: Mapping[str, Literal["optional", "unread"]] = {
    "erase": "unread",
    "remove-background": "unread",
    "outpaint": "optional",
    "style-transfer": "optional",
}
_PROMPT_FIELDS = {"replace-background-and-relight": "background_prompt"}
_IMAGE_FIELDS = {
    "style-transfer": ("init_image", "style_image"),
    "replace-background-and-relight": (
        "subject_image",
        "background_reference",
        "light_reference",
    ),
}


def operation_model(
    operation: str, params: Mapping[str, ParameterSpec], price: Price
) -> ModelCapabilities:
    """Return the capabilities of an operation that are the same on every host."""
    is_masked = operation in _MASKED_OPERATIONS
    return ModelCapabilities(
        id=operation,
        max_images=len(_image_field_names(operation)),
        size_limits=DEFAULT_LIMITS,
        requires_opaque=True,
        prompt_mode=_PROMPT_USE.get(operation, "required"),
        max_prompt_chars=MAX_PROMPT_CHARS,
        max_n_per_call=1,
        mask_format=SOFT_WHITE_MASK if is_masked else None,
        requires_mask=is_masked,
        params=params,
        supports_compression=False,
        may_return_transparency=operation == "remove-background",
        changes_geometry=operation == "outpaint",
        price=price,
        operation=operation,
        operation_match=OPERATION_MATCHES.get(operation) or _EXTRA_MATCHES.get(operation),
    )


def edit_model(operations: tuple[ModelCapabilities, ...]) -> ModelCapabilities:
    """Return the capabilities of the model "edit", which chooses the operation by the request."""
    candidates = [model for model in operations if model.id in OPERATION_MATCHES]
    return ModelCapabilities(
        id="edit",
        mask_format=SOFT_WHITE_MASK,
        prompt_mode="optional",
        max_prompt_chars=MAX_PROMPT_CHARS,
        max_n_per_call=1,
        params={
            **{name: spec for model in candidates for name, spec in model.params.items()},
            "background": EnumParam(("auto", "opaque", "transparent")),
        },
        operations=tuple(OPERATION_MATCHES),
    )


def image_files(job: ProviderJob, operation: str) -> dict[str, EncodedImage]:
    """Return the image files under their field names of the service, with the mask if there is one."""
    return {
        **dict(zip(_image_field_names(operation), job.images, strict=False)),
        **drop_none(mask=job.mask_file),
    }


def text_fields(job: ProviderJob, operation: str) -> dict[str, Any]:
    """Return the request fields that are no files: the prompt under its field name, and the parameters."""
    prompt_field = _PROMPT_FIELDS.get(operation, "prompt")
    has_prompt = job.prompt and _PROMPT_USE.get(operation) != "unread"
    return {**({prompt_field: job.prompt} if has_prompt else {}), **job.params}


def moderation_error(message: str, stage: str, *categories: str) -> ParsedError:
    """Return the error for a refusal by the safety system. `stage` is "input" or "output"."""
    details = {"moderation_stage": stage, "categories": list(categories)}
    return ParsedError("moderated", message, details={"moderation_details": details})


def _image_field_names(operation: str) -> tuple[str, ...]:
    return _IMAGE_FIELDS.get(operation, ("image",))
