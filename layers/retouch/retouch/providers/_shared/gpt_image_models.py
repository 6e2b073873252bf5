"""The capabilities of the GPT image models and of DALL-E 2, as openai-python 3.54.0 documents them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from retouch.core.capabilities import ALPHA_MASK, ModelCapabilities, Price
from retouch.core.parameters import EnumParam, IntParam, NotForwarded, ParameterSpec, StringParam
from retouch.core.sizes import FixedSizes, SizeRange

GPT_IMAGE_1_SIZES = FixedSizes(("1024x1024", "1536x1024", "1024x1536", "auto"))
GPT_IMAGE_2_SIZES = SizeRange(
    edge_multiple=16, max_edge=3840, min_pixels=655_360, max_pixels=8_294_400, max_aspect_ratio=3
)
LEGACY_QUALITY_NAMES = {"standard": "medium", "hd": "high"}
QUALITY_PARAM = EnumParam(("auto", "low", "medium", "high"), LEGACY_QUALITY_NAMES)
QUALITY_2_5_PARAM = EnumParam(
    ("auto", "low", "medium", "high", "xhigh", "max"), LEGACY_QUALITY_NAMES
)
GPT_IMAGE_1_PARAMS: Mapping[str, ParameterSpec] = {
    "size": GPT_IMAGE_1_SIZES,
    "quality": QUALITY_PARAM,
    "background": EnumParam(("auto", "opaque", "transparent")),
    "input_fidelity": EnumParam(("low", "high")),
    "output_format": EnumParam(("png", "jpeg", "webp")),
    "output_compression": IntParam(0, 100),
    "partial_images": IntParam(0, 3),
    "moderation": EnumParam(("auto", "low")),
    "safety_identifier": StringParam(512),
    "user": StringParam(512),
}
# These models reject input_fidelity with an error. They always work with high fidelity.
GPT_IMAGE_2_PARAMS: Mapping[str, ParameterSpec] = {
    **GPT_IMAGE_1_PARAMS,
    "size": GPT_IMAGE_2_SIZES,
    "input_fidelity": NotForwarded(EnumParam(("high",)), "always high on this model, not sent"),
}
GPT_IMAGE_2_5_PARAMS: Mapping[str, ParameterSpec] = {
    **GPT_IMAGE_2_PARAMS,
    "quality": QUALITY_2_5_PARAM,
}
GPT_IMAGE_2_6_PARAMS: Mapping[str, ParameterSpec] = {
    **GPT_IMAGE_2_5_PARAMS,
    "complexity": EnumParam(("low", "medium", "high")),
}


# High fidelity takes 6144 tokens more for an image that is not square, and low fidelity up to 65 + 129 x 6 (OpenAI's
# guide "Images and vision", tokens of GPT image models).
_MOST_TOKENS_IN = 7_000
_PRICE_SOURCE = "OpenAI's price page by way of litellm 1.110.2"


def _token_price(
    text_in: float,
    image_in: float,
    image_out: float,
    by_quality: Mapping[str, float],
    *,
    text_out: float = 0.0,
    auto: str = "medium",
    source: str = _PRICE_SOURCE,
) -> Price:
    """Return a price per million tokens, with the prices of a 1024x1024 image by quality for estimates.

    `auto` is the quality whose price is the estimate for a request that names none. The usage gives the real cost.
    """
    return Price(
        per_image=by_quality[auto],
        deciding_param="quality",
        per_image_by_value=by_quality,
        text_in=text_in,
        image_in=image_in,
        text_out=text_out,
        image_out=image_out,
        most_tokens_in=_MOST_TOKENS_IN,
        source=source,
    )


GPT_IMAGE_2_PRICE = _token_price(5, 8, 30, {"low": 0.006, "medium": 0.053, "high": 0.211})
# 196, 439, 1756, 3122 and 7024 tokens: the same word costs a quarter of what it costs on gpt-image-2.
GPT_IMAGE_2_5_PRICE = _token_price(
    5,
    8,
    30,
    {"low": 0.006, "medium": 0.013, "high": 0.053, "xhigh": 0.094, "max": 0.211},
    auto="high",
    source=f"{_PRICE_SOURCE}; tokens by quality from a published Azure cost export, 2026-09",
)
# It is reported to use 3 to 4 times as many tokens as 2.5 at low and medium. The estimate takes 4 times.
GPT_IMAGE_2_6_PRICE = replace(
    GPT_IMAGE_2_5_PRICE,
    per_image_by_value={**GPT_IMAGE_2_5_PRICE.per_image_by_value, "low": 0.024, "medium": 0.053},
    source=f"{_PRICE_SOURCE}; tokens by quality from one report (unconfirmed)",
)
GPT_IMAGE_1_5_PRICE = _token_price(
    5, 8, 32, {"low": 0.009, "medium": 0.034, "high": 0.133}, text_out=10
)
GPT_IMAGE_1_MINI_PRICE = _token_price(2, 2.5, 8, {"low": 0.005, "medium": 0.011, "high": 0.036})
# 272, 1056 and 4160 tokens.
GPT_IMAGE_1_PRICE = _token_price(5, 10, 40, {"low": 0.011, "medium": 0.042, "high": 0.167})


def gpt_image_model(
    model_id: str, params: Mapping[str, ParameterSpec], price: Price = GPT_IMAGE_2_PRICE
) -> ModelCapabilities:
    """Return the capabilities of a GPT image model, with the limits that all of them share."""
    return ModelCapabilities(
        id=model_id,
        max_images=16,
        mask_format=ALPHA_MASK,
        max_mask_bytes=4_000_000,
        params=params,
        supports_streaming=True,
        may_return_transparency=True,
        price=price,
    )


# Clients still send requests for this model. OpenAI has shut the model itself down.
DALL_E_2 = ModelCapabilities(
    id="dall-e-2",
    accepted_formats=("png",),
    max_image_bytes=4_000_000,
    requires_square=True,
    max_prompt_chars=1000,
    mask_format=ALPHA_MASK,
    max_mask_bytes=4_000_000,
    requires_mask=True,
    params={
        "size": FixedSizes(("256x256", "512x512", "1024x1024")),
        "quality": EnumParam(("standard",)),
        "user": StringParam(512),
    },
    default_params={"size": "1024x1024"},
    default_response_format="url",
)
