"""The slugs that edit, one row each: what the card says, and how the order is worded.

There is no common contract: every slug has its own schema and its page is the authority. Facts from the model
pages and peers as of 2026-11; ranges are those of the hosted models. Classic Stable Diffusion slugs refuse a
data: URI and get bare base64; for the others a data: URI is documented (FLUX) or in use by peers (Qwen).
`seg-beyond` is classic by age, which nobody confirmed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from retouch.cards import SOFT_WHITE, WHITE, Bounds, Model, Price, When
from retouch.sizes import AsInput, Ratios
from retouch.specs import Choice, Flag, Real, Spec, Unsent, Whole, Words

SEED = Whole(0, 2_147_483_647)
USER = Unsent(Words(512), "there is no field for it, so it was not sent")
SIDES: Mapping[str, Spec] = {side: Whole(0, 2048) for side in ("left", "right", "top", "bottom")}
COMMON: Mapping[str, Spec] = {
    "output_format": Choice(("png", "jpeg", "webp")),
    "seed": SEED,
    "user": USER,
}
DIFFUSION: Mapping[str, Spec] = {
    "size": AsInput(),
    "negative_prompt": Words(4000),
    "scheduler": Words(64),
    "num_inference_steps": Whole(1, 100),
    "guidance_scale": Real(1, 25),
    "strength": Real(0, 1),
    "seed": SEED,
    "user": USER,
}
QWEN_RATIOS = ("1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3")
KONTEXT_RATIOS = ("21:9", "16:9", "3:2", "4:3", "1:1", "3:4", "2:3", "9:16", "9:21")
BANANA_RATIOS = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")
PAGES = "model pages of the provider, 2026-11"


@dataclass(frozen=True, slots=True, kw_only=True)
class Slug:
    """How one slug words its order. The mask's field is `mask` everywhere."""

    images: tuple[str, ...] = ("image",)  # a field for each picture, or one ending in [] for all
    bare: bool = False  # base64 without the data: prefix
    version: str = "v2"  # v1 answers at once, v2 with a job to ask after
    format: str = ""  # the field that names the output format
    canvas: tuple[str, ...] = ()  # fields for the width and height to work at
    fixed: Mapping[str, Any] = field(default_factory=dict)  # said in every order


# request_bytes: 10 MB of base64, since no limit is documented.
PLAIN = Model(id="", request_bytes=7_500_000, per_call=1, compresses=False)
# The picture's own transparency would be read as a second mask. What the classic slugs make is not documented,
# so it is always converted.
INPAINT = replace(
    PLAIN, operation="inpaint", mask=SOFT_WHITE, needs_mask=True, opaque=True, makes=("png", "jpeg")
)
CLASSIC = replace(INPAINT, mask=WHITE, makes=())
INSTRUCT = replace(PLAIN, operation="edit", instructs=True, makes=("png", "jpeg"))


def shaped(ratios: tuple[str, ...]) -> Mapping[str, Spec]:
    """The parameters of a slug that takes a shape instead of a size."""
    return {"size": Ratios(ratios), "aspect_ratio": Choice(ratios), **COMMON}


FILL_PRO = replace(
    INPAINT,
    id="flux-fill-pro",
    params={
        "size": AsInput(),
        "steps": Whole(15, 50),
        "guidance": Real(1.5, 100),
        "safety_tolerance": Whole(0, 6),
        "prompt_upsampling": Flag(),
        **COMMON,
    },
    when=When(mask=True),
    price=Price(0.063, source=PAGES),
)
FILL_DEV = replace(
    INPAINT,
    id="flux-fill-dev",
    params={
        "size": AsInput(),
        "guidance": Real(0, 100),
        "num_inference_steps": Whole(1, 50),
        **COMMON,
    },
    price=Price(0.05, source=PAGES),
)
BEYOND = replace(
    PLAIN,
    id="seg-beyond",
    operation="outpaint",
    reshapes=True,
    prompt="optional",
    makes=(),
    params={**SIDES, "negative_prompt": Words(4000), "seed": SEED, "user": USER},
    when=When(mask=False, given=tuple(SIDES)),
)
QWEN = replace(
    INSTRUCT,
    id="qwen-image-edit",
    makes=("png", "jpeg", "webp"),
    params={
        "size": AsInput(),
        "negative_prompt": Words(4000),
        "steps": Whole(1, 50),
        "guidance": Real(1, 25),
        **COMMON,
    },
)
QWEN_PLUS = replace(
    INSTRUCT,
    id="qwen-image-edit-plus",
    images=3,
    makes=("png", "jpeg", "webp"),
    params={"go_fast": Flag(), **shaped(QWEN_RATIOS)},
    when=When(mask=False, prompt=True),
)
BANANA = replace(INSTRUCT, id="nano-banana", images=3, params=shaped(BANANA_RATIOS))
CHOOSER = replace(
    PLAIN,
    id="edit",
    images=3,
    mask=SOFT_WHITE,
    prompt="optional",
    params={**BEYOND.params, **QWEN_PLUS.params, **FILL_PRO.params},
    instructs=True,
    chooses=(FILL_PRO.id, BEYOND.id, QWEN_PLUS.id),
)
MODELS = (
    CHOOSER,
    FILL_PRO,
    FILL_DEV,
    replace(CLASSIC, id="sdxl-inpaint", params=DIFFUSION),
    replace(
        CLASSIC,
        id="sd1.5-inpainting",
        params={**DIFFUSION, "size": AsInput(step=8)},
        bounds=Bounds(64, 1024),
    ),
    QWEN_PLUS,
    QWEN,
    replace(
        INSTRUCT,
        id="flux-kontext-pro",
        params=shaped(KONTEXT_RATIOS),
        price=Price(0.04, source=PAGES),
    ),
    BANANA,
    replace(BANANA, id="nano-banana-2"),
    BEYOND,
)
SLUGS: Mapping[str, Slug] = {
    "flux-fill-pro": Slug(format="output_format"),
    "flux-fill-dev": Slug(format="output_format", fixed={"num_outputs": 1}),
    "sdxl-inpaint": Slug(bare=True, version="v1", fixed={"samples": 1, "base64": False}),
    "sd1.5-inpainting": Slug(
        bare=True,
        version="v1",
        canvas=("img_width", "img_height"),
        fixed={"samples": 1},
    ),
    "qwen-image-edit-plus": Slug(images=("image", "image_2", "image_3"), format="image_format"),
    "qwen-image-edit": Slug(format="image_format"),
    "flux-kontext-pro": Slug(images=("input_image",), format="output_format"),
    "nano-banana": Slug(images=("image_urls[]",), format="output_format"),
    "nano-banana-2": Slug(images=("image_urls[]",), format="output_format"),
    "seg-beyond": Slug(images=("input_image",), bare=True, version="v1", fixed={"base64": False}),
}
