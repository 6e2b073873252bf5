"""The capabilities of Google's image models. They are the same on both hosts.

Facts from Google's pages and google-genai 3.4.0 as of 2026-11. The resolution `512` is left out, because sources
differ on which model accepts it. `quality` has no equivalent. `thinking_level` is the closest parameter and keeps
Google's own name. Prices are from litellm's table and other third parties. The price of an image is that of a 1K
image. The token price follows from it: an image has 1120 tokens, or 1290 with 2.5. Input tokens are priced only where
a price was found. They add a few percent at most.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from retouch.core.capabilities import ModelCapabilities, Price
from retouch.core.parameters import EnumParam, IntParam, NotForwarded, ParameterSpec, StringParam
from retouch.core.sizes import AspectRatios

COMMON_RATIOS = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")
ALL_RATIOS = (*COMMON_RATIOS, "1:4", "4:1", "1:8", "8:1")
RESOLUTION_TIERS = {"1K": 1024, "2K": 2048, "4K": 4096}
COMMON_PARAMS: Mapping[str, ParameterSpec] = {
    "safety_threshold": EnumParam(
        (
            "block_low_and_above",
            "block_medium_and_above",
            "block_only_high",
            "block_none",
            "off",
        )
    ),
    # Below 32 bits, because each call after the first adds 1 to the seed.
    "seed": IntParam(0, 2_147_483_638),
    "user": NotForwarded(StringParam(512), "Google has no such field"),
}
_PRICE_SOURCE = "Google's price list as litellm and other gateways copied it by 2026-11"


def _size_params(ratios: tuple[str, ...], tiers: Mapping[str, int]) -> dict[str, ParameterSpec]:
    """Return the parameters for the size: `size`, and Google's own names for the aspect ratio and the resolution tier.

    A model with a single tier has no `resolution`, and Google is sent none.
    """
    resolution_param = {"resolution": EnumParam(tuple(tiers))} if tiers else {}
    return {
        "size": AspectRatios(ratios, tiers),
        "aspect_ratio": EnumParam(ratios),
        **resolution_param,
    }


def _thinking_params(*levels: str) -> dict[str, ParameterSpec]:
    return {"thinking_level": EnumParam(levels)}


def _gemini_model(
    model_id: str, params: Mapping[str, ParameterSpec], price: Price
) -> ModelCapabilities:
    """Return the capabilities of a Gemini image model.

    All of them take images and text, return one opaque image, and take no mask.
    """
    return ModelCapabilities(
        id=model_id,
        max_images=14,
        max_n_per_call=1,
        params={**params, **COMMON_PARAMS},
        output_formats=(),
        supports_compression=False,
        follows_instructions=True,
        price=price,
    )


NANO_BANANA_2_1 = _gemini_model(
    "gemini-nano-banana-2.1",
    {**_size_params(ALL_RATIOS, RESOLUTION_TIERS), **_thinking_params("minimal", "medium", "high")},
    Price(0.0336, text_in=1.5, image_in=1.5, text_out=7.5, image_out=30, source=_PRICE_SOURCE),
)
GEMINI_3_PRO = _gemini_model(
    "gemini-3-pro-image",
    _size_params(COMMON_RATIOS, RESOLUTION_TIERS),
    Price(0.134, text_in=2, image_in=2, image_out=120, source=_PRICE_SOURCE),
)
GEMINI_3_1_FLASH = _gemini_model(
    "gemini-3.1-flash-image",
    {**_size_params(ALL_RATIOS, RESOLUTION_TIERS), **_thinking_params("minimal", "high")},
    Price(0.067, image_out=60, source=_PRICE_SOURCE),
)
GEMINI_3_1_FLASH_LITE = _gemini_model(
    "gemini-3.1-flash-lite-image",
    _size_params(ALL_RATIOS, {}),
    Price(0.0336, image_out=30, source=_PRICE_SOURCE),
)
# This model returns about one megapixel, takes at most three images, and rejects any imageSize as an error.
GEMINI_2_5_FLASH = replace(
    _gemini_model(
        "gemini-2.5-flash-image",
        _size_params(COMMON_RATIOS, {}),
        Price(0.039, image_out=30, source=_PRICE_SOURCE),
    ),
    max_images=3,
)
GEMINI_MODELS = (
    NANO_BANANA_2_1,
    GEMINI_3_PRO,
    GEMINI_3_1_FLASH,
    GEMINI_3_1_FLASH_LITE,
    GEMINI_2_5_FLASH,
)
