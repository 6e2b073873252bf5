"""The Segmind slugs that edit images: the capabilities and the request schema of each.

The slugs have no common contract. Each has its own schema, and its page is the authority. Facts from the model pages
and peers as of 2026-11. The ranges are those of the hosted models. Classic Stable Diffusion slugs reject a data: URI
and get bare base64. For the other slugs, a data: URI is documented (FLUX) or peers use it (Qwen). `seg-beyond` is
treated as classic because of its age. This is not confirmed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from typing import Any

from retouch.core.capabilities import (
    SOFT_WHITE_MASK,
    WHITE_MASK,
    ModelCapabilities,
    OperationMatch,
    Price,
    SizeLimits,
)
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.parameters import (
    UNSENT_USER,
    BoolParam,
    EnumParam,
    FloatParam,
    IntParam,
    ParameterSpec,
    StringParam,
)
from retouch.core.sizes import AspectRatios, SameAsInput

SEED_PARAM = IntParam(0, 2_147_483_647)
SIDE_PARAMS: Mapping[str, ParameterSpec] = {
    side: IntParam(0, 2048) for side in ("left", "right", "top", "bottom")
}
COMMON_PARAMS: Mapping[str, ParameterSpec] = {
    "output_format": EnumParam(("png", "jpeg", "webp")),
    "seed": SEED_PARAM,
    "user": UNSENT_USER,
}
STABLE_DIFFUSION_PARAMS: Mapping[str, ParameterSpec] = {
    "size": SameAsInput(),
    "negative_prompt": StringParam(4000),
    "scheduler": StringParam(64),
    "num_inference_steps": IntParam(1, 100),
    "guidance_scale": FloatParam(1, 25),
    "strength": FloatParam(0, 1),
    "seed": SEED_PARAM,
    "user": UNSENT_USER,
}
QWEN_RATIOS = ("1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3")
KONTEXT_RATIOS = ("21:9", "16:9", "3:2", "4:3", "1:1", "3:4", "2:3", "9:16", "9:21")
NANO_BANANA_RATIOS = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")
PRICE_SOURCE = "model pages of the provider, 2026-11"


@frozen_dataclass(kw_only=True)
class SlugSchema:
    """The request schema of one slug. The field for the mask is `mask` in every slug."""

    # One field for each image, or one name ending in [] for all.
    image_fields: tuple[str, ...] = ("image",)
    bare_base64: bool = False  # base64 without the data: prefix
    api_version: str = "v2"  # v1 returns the image at once, v2 returns a task to poll
    format_field: str = ""  # the field for the output format
    size_fields: tuple[str, ...] = ()  # the fields for the working width and height
    fixed_fields: Mapping[str, Any] = field(default_factory=dict)  # fields that every request has


# request_bytes: 10 MB of base64, since no limit is documented.
BASE_MODEL = ModelCapabilities(
    id="", max_request_bytes=7_500_000, max_n_per_call=1, supports_compression=False
)
# The provider would read transparency in the image as a second mask, so the image is sent opaque. The output format
# of the classic slugs is not documented, so their results are always converted.
INPAINT_MODEL = replace(
    BASE_MODEL,
    operation="inpaint",
    mask_format=SOFT_WHITE_MASK,
    requires_mask=True,
    requires_opaque=True,
    output_formats=("png", "jpeg"),
)
CLASSIC_INPAINT_MODEL = replace(INPAINT_MODEL, mask_format=WHITE_MASK, output_formats=())
INSTRUCTION_MODEL = replace(
    BASE_MODEL, operation="edit", follows_instructions=True, output_formats=("png", "jpeg")
)


def ratio_params(ratios: tuple[str, ...]) -> Mapping[str, ParameterSpec]:
    """Return the parameters of a slug that takes an aspect ratio instead of a size."""
    return {"size": AspectRatios(ratios), "aspect_ratio": EnumParam(ratios), **COMMON_PARAMS}


FLUX_FILL_PRO = replace(
    INPAINT_MODEL,
    id="flux-fill-pro",
    params={
        "size": SameAsInput(),
        "steps": IntParam(15, 50),
        "guidance": FloatParam(1.5, 100),
        "safety_tolerance": IntParam(0, 6),
        "prompt_upsampling": BoolParam(),
        **COMMON_PARAMS,
    },
    operation_match=OperationMatch(mask=True),
    price=Price(0.063, source=PRICE_SOURCE),
)
FLUX_FILL_DEV = replace(
    INPAINT_MODEL,
    id="flux-fill-dev",
    params={
        "size": SameAsInput(),
        "guidance": FloatParam(0, 100),
        "num_inference_steps": IntParam(1, 50),
        **COMMON_PARAMS,
    },
    price=Price(0.05, source=PRICE_SOURCE),
)
SEG_BEYOND = replace(
    BASE_MODEL,
    id="seg-beyond",
    operation="outpaint",
    changes_geometry=True,
    prompt_mode="optional",
    output_formats=(),
    params={
        **SIDE_PARAMS,
        "negative_prompt": StringParam(4000),
        "seed": SEED_PARAM,
        "user": UNSENT_USER,
    },
    operation_match=OperationMatch(mask=False, any_params=tuple(SIDE_PARAMS)),
)
QWEN_IMAGE_EDIT = replace(
    INSTRUCTION_MODEL,
    id="qwen-image-edit",
    output_formats=("png", "jpeg", "webp"),
    params={
        "size": SameAsInput(),
        "negative_prompt": StringParam(4000),
        "steps": IntParam(1, 50),
        "guidance": FloatParam(1, 25),
        **COMMON_PARAMS,
    },
)
QWEN_IMAGE_EDIT_PLUS = replace(
    INSTRUCTION_MODEL,
    id="qwen-image-edit-plus",
    max_images=3,
    output_formats=("png", "jpeg", "webp"),
    params={"go_fast": BoolParam(), **ratio_params(QWEN_RATIOS)},
    operation_match=OperationMatch(mask=False, prompt=True),
)
NANO_BANANA = replace(
    INSTRUCTION_MODEL,
    id="nano-banana",
    max_images=3,
    params=ratio_params(NANO_BANANA_RATIOS),
    price=Price(0.04, source=PRICE_SOURCE),
)
# Its page names $0.060 to $0.175 without the resolutions, so that only the response states the price.
NANO_BANANA_2 = replace(
    INSTRUCTION_MODEL,
    id="nano-banana-2",
    max_images=3,
    params={
        "output_resolution": EnumParam(("1K", "2K", "4K")),
        "safety_tolerance": IntParam(1, 6),
        "thinking_level": EnumParam(("minimal", "high")),
        **ratio_params(NANO_BANANA_RATIOS),
    },
)
EDIT_MODEL = replace(
    BASE_MODEL,
    id="edit",
    max_images=3,
    mask_format=SOFT_WHITE_MASK,
    prompt_mode="optional",
    params={**SEG_BEYOND.params, **QWEN_IMAGE_EDIT_PLUS.params, **FLUX_FILL_PRO.params},
    follows_instructions=True,
    operations=(FLUX_FILL_PRO.id, SEG_BEYOND.id, QWEN_IMAGE_EDIT_PLUS.id),
)
MODELS = (
    EDIT_MODEL,
    FLUX_FILL_PRO,
    FLUX_FILL_DEV,
    replace(CLASSIC_INPAINT_MODEL, id="sdxl-inpaint", params=STABLE_DIFFUSION_PARAMS),
    replace(
        CLASSIC_INPAINT_MODEL,
        id="sd1.5-inpainting",
        params={**STABLE_DIFFUSION_PARAMS, "size": SameAsInput(edge_multiple=8)},
        size_limits=SizeLimits(64, 1024),
    ),
    QWEN_IMAGE_EDIT_PLUS,
    QWEN_IMAGE_EDIT,
    replace(
        INSTRUCTION_MODEL,
        id="flux-kontext-pro",
        params=ratio_params(KONTEXT_RATIOS),
        price=Price(0.04, source=PRICE_SOURCE),
    ),
    NANO_BANANA,
    NANO_BANANA_2,
    SEG_BEYOND,
)
SLUG_SCHEMAS: Mapping[str, SlugSchema] = {
    "flux-fill-pro": SlugSchema(format_field="output_format"),
    "flux-fill-dev": SlugSchema(format_field="output_format", fixed_fields={"num_outputs": 1}),
    "sdxl-inpaint": SlugSchema(
        bare_base64=True, api_version="v1", fixed_fields={"samples": 1, "base64": False}
    ),
    "sd1.5-inpainting": SlugSchema(
        bare_base64=True,
        api_version="v1",
        size_fields=("img_width", "img_height"),
        fixed_fields={"samples": 1},
    ),
    "qwen-image-edit-plus": SlugSchema(
        image_fields=("image", "image_2", "image_3"), format_field="image_format"
    ),
    "qwen-image-edit": SlugSchema(format_field="image_format"),
    "flux-kontext-pro": SlugSchema(image_fields=("input_image",), format_field="output_format"),
    "nano-banana": SlugSchema(image_fields=("image_urls[]",), format_field="output_format"),
    "nano-banana-2": SlugSchema(image_fields=("image_urls[]",), format_field="output_format"),
    "seg-beyond": SlugSchema(
        image_fields=("input_image",),
        bare_base64=True,
        api_version="v1",
        fixed_fields={"base64": False},
    ),
}
