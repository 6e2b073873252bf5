"""The rules of each Segmind model slug: its image fields, its parameters, its image encoding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.contract.standins._flux import (
    int_between,
    is_aspect_ratio,
    is_bool,
    is_text,
    number_between,
    one_of,
)

PROMPT_FIELDS = {"prompt": is_text, "seed": int_between(0)}
DIFFUSION_FIELDS = {
    **PROMPT_FIELDS,
    "negative_prompt": is_text,
    "samples": int_between(1, 4),
    "scheduler": is_text,
    "num_inference_steps": int_between(1, 100),
    "guidance_scale": number_between(1, 25),
    "strength": number_between(0, 1),
}
QWEN_FIELDS = {
    **PROMPT_FIELDS,
    "image_format": one_of("png", "jpg", "webp"),
    "quality": int_between(1, 100),
    "base64": is_bool,
}
SIDES = ("left", "right", "top", "bottom")


@dataclass(frozen=True)
class SlugRules:
    fields: dict[str, Any]
    image_field: str = "image"
    extra_image_fields: tuple[str, ...] = ()
    takes_mask: bool = False
    bare_base64: bool = False  # refuses a data: prefix
    output_shape: str = "text"  # of the v2 output: text, list or object


SLUGS = {
    "sdxl-inpaint": SlugRules(
        {**DIFFUSION_FIELDS, "base64": is_bool}, takes_mask=True, bare_base64=True
    ),
    "sd1.5-inpainting": SlugRules(
        {
            **DIFFUSION_FIELDS,
            "img_width": int_between(64, 1024),
            "img_height": int_between(64, 1024),
        },
        takes_mask=True,
        bare_base64=True,
    ),
    "flux-fill-pro": SlugRules(
        {
            **PROMPT_FIELDS,
            "steps": int_between(1, 50),
            "guidance": number_between(0, 100),
            "output_format": one_of("png", "jpg"),
            "safety_tolerance": int_between(0, 6),
            "prompt_upsampling": is_bool,
        },
        takes_mask=True,
    ),
    "flux-fill-dev": SlugRules(
        {
            **PROMPT_FIELDS,
            "guidance": number_between(0, 100),
            "num_inference_steps": int_between(1, 50),
            "megapixels": is_text,
            "num_outputs": int_between(1, 4),
            "output_format": one_of("png", "jpg"),
            "output_quality": int_between(0, 100),
            "disable_safety_checker": is_bool,
        },
        takes_mask=True,
        output_shape="list",
    ),
    "flux-kontext-pro": SlugRules(
        {**PROMPT_FIELDS, "aspect_ratio": is_aspect_ratio, "output_format": one_of("png", "jpg")},
        image_field="input_image",
    ),
    "qwen-image-edit": SlugRules(
        {
            **QWEN_FIELDS,
            "negative_prompt": is_text,
            "steps": int_between(1, 50),
            "guidance": number_between(1, 25),
        },
        output_shape="object",
    ),
    "qwen-image-edit-plus": SlugRules(
        {
            **QWEN_FIELDS,
            "aspect_ratio": one_of(
                "match_input_image", "1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3"
            ),
            "go_fast": is_bool,
        },
        extra_image_fields=("image_2", "image_3"),
    ),
    "nano-banana": SlugRules(
        {**PROMPT_FIELDS, "aspect_ratio": is_aspect_ratio, "output_format": one_of("png", "jpg")},
        image_field="image_urls",
    ),
    "nano-banana-2": SlugRules(
        {
            **PROMPT_FIELDS,
            "aspect_ratio": is_aspect_ratio,
            "output_format": one_of("png", "jpg"),
            "output_resolution": one_of("1K", "2K", "4K"),
            "safety_tolerance": int_between(1, 6),
            "thinking_level": one_of("minimal", "high"),
        },
        image_field="image_urls",
    ),
    "seg-beyond": SlugRules(
        {
            **PROMPT_FIELDS,
            **dict.fromkeys(SIDES, int_between(0, 4096)),
            "negative_prompt": is_text,
            "base64": is_bool,
        },
        image_field="input_image",
        bare_base64=True,
    ),
}
