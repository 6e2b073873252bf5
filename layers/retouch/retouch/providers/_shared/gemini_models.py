"""The capabilities of Google's image models. They are the same on both hosts.

Facts from Google's pages and google-genai 3.4.0 as of 2026-11. The resolution `512` is left out, because sources
differ on which model accepts it. `quality` has no equivalent. `thinking_level` is the closest parameter and keeps
Google's own name. Prices are from litellm's table and other third parties. Thinking tokens have the price of text
output. A 1K image has 1120 tokens, or 1290 with 2.5, a 2K image 1680 and a 4K image 2520. On 3 Pro, a 2K image has
1120 and a 4K image 2000.
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
# An input image takes 258 to 1120 tokens, and 2240 in ultra high resolution (Google's guide "Media resolution").
_MOST_TOKENS_IN = 2_240
# Google publishes no bound of thinking tokens of an image. This is the default budget of 2.5 Flash for text.
_MOST_THINKING_TOKENS = 8_192
_PRICE_SOURCE = "Google's price list by way of litellm 1.110.2 and other gateways"


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


def _tier_price(
    per_image: tuple[float, ...], text_in: float, text_out: float, image_out: float
) -> Price:
    """Return a price per million tokens, with the prices of an image in the resolutions 1K, 2K and 4K for estimates."""
    return Price(
        per_image=per_image[0],
        deciding_param="resolution",
        per_image_by_value=dict(zip(RESOLUTION_TIERS, per_image, strict=False)),
        text_in=text_in,
        image_in=text_in,
        text_out=text_out,
        image_out=image_out,
        most_tokens_in=_MOST_TOKENS_IN,
        most_tokens_out=_MOST_THINKING_TOKENS,
        source=_PRICE_SOURCE,
    )


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
    _tier_price((0.0336, 0.0504, 0.0756), text_in=1.5, text_out=7.5, image_out=30),
)
GEMINI_3_PRO = _gemini_model(
    "gemini-3-pro-image",
    _size_params(COMMON_RATIOS, RESOLUTION_TIERS),
    _tier_price((0.134, 0.134, 0.24), text_in=2, text_out=12, image_out=120),
)
GEMINI_3_1_FLASH = _gemini_model(
    "gemini-3.1-flash-image",
    {**_size_params(ALL_RATIOS, RESOLUTION_TIERS), **_thinking_params("minimal", "high")},
    _tier_price((0.067, 0.101, 0.151), text_in=0.5, text_out=3, image_out=60),
)
GEMINI_3_1_FLASH_LITE = _gemini_model(
    "gemini-3.1-flash-lite-image",
    _size_params(ALL_RATIOS, {}),
    _tier_price((0.0336,), text_in=0.25, text_out=1.5, image_out=30),
)
# This model returns about one megapixel, takes at most three images, and rejects any imageSize as an error.
GEMINI_2_5_FLASH = replace(
    _gemini_model(
        "gemini-2.5-flash-image",
        _size_params(COMMON_RATIOS, {}),
        _tier_price((0.039,), text_in=0.3, text_out=2.5, image_out=30),
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
