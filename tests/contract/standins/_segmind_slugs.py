"""What each Segmind slug takes: its picture fields, its parameters, its dialect."""

from __future__ import annotations

from dataclasses import dataclass

from tests.contract.standins._flux import flag, number, one_of, ratio, text, whole

SEEDED = {"prompt": text, "seed": whole(0)}
DIFFUSION = {
    **SEEDED,
    "negative_prompt": text,
    "samples": whole(1, 4),
    "scheduler": text,
    "num_inference_steps": whole(1, 100),
    "guidance_scale": number(1, 25),
    "strength": number(0, 1),
}
QWEN = {
    **SEEDED,
    "image_format": one_of("png", "jpg", "webp"),
    "quality": whole(1, 100),
    "base64": flag,
}
SIDES = ("left", "right", "top", "bottom")


@dataclass(frozen=True)
class Slug:
    fields: dict
    image: str = "image"
    more: tuple[str, ...] = ()
    mask: bool = False
    bare: bool = False  # refuses a data: prefix
    shape: str = "text"  # of v2's output: text, list or object


SLUGS = {
    "sdxl-inpaint": Slug({**DIFFUSION, "base64": flag}, mask=True, bare=True),
    "sd1.5-inpainting": Slug(
        {**DIFFUSION, "img_width": whole(64, 1024), "img_height": whole(64, 1024)},
        mask=True,
        bare=True,
    ),
    "flux-fill-pro": Slug(
        {
            **SEEDED,
            "steps": whole(1, 50),
            "guidance": number(0, 100),
            "output_format": one_of("png", "jpg"),
            "safety_tolerance": whole(0, 6),
            "prompt_upsampling": flag,
        },
        mask=True,
    ),
    "flux-fill-dev": Slug(
        {
            **SEEDED,
            "guidance": number(0, 100),
            "num_inference_steps": whole(1, 50),
            "megapixels": text,
            "num_outputs": whole(1, 4),
            "output_format": one_of("png", "jpg"),
            "output_quality": whole(0, 100),
            "disable_safety_checker": flag,
        },
        mask=True,
        shape="list",
    ),
    "flux-kontext-pro": Slug(
        {**SEEDED, "aspect_ratio": ratio, "output_format": one_of("png", "jpg")},
        image="input_image",
    ),
    "qwen-image-edit": Slug(
        {**QWEN, "negative_prompt": text, "steps": whole(1, 50), "guidance": number(1, 25)},
        shape="object",
    ),
    "qwen-image-edit-plus": Slug(
        {
            **QWEN,
            "aspect_ratio": one_of(
                "match_input_image", "1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3"
            ),
            "go_fast": flag,
        },
        more=("image_2", "image_3"),
    ),
    "nano-banana": Slug(
        {**SEEDED, "aspect_ratio": ratio, "output_format": one_of("png", "jpg")},
        image="image_urls",
    ),
    "nano-banana-2": Slug(
        {**SEEDED, "aspect_ratio": ratio, "output_format": one_of("png", "jpg")},
        image="image_urls",
    ),
    "seg-beyond": Slug(
        {**SEEDED, **dict.fromkeys(SIDES, whole(0, 4096)), "negative_prompt": text, "base64": flag},
        image="input_image",
        bare=True,
    ),
}
