"""The capabilities of the GPT image models and of DALL-E 2, as openai-python 3.54.0 documents them."""

from __future__ import annotations

from collections.abc import Mapping

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


_PRICE_SOURCE = "OpenAI's price page by way of litellm 1.109.1"
# The price of an image is the middle one of the 1024x1024 prices by quality. The usage gives the real cost.
DEFAULT_PRICE = Price(per_image=0.053, text_in=5, image_in=8, image_out=30, source=_PRICE_SOURCE)
GPT_IMAGE_1_5_PRICE = Price(
    per_image=0.034, text_in=5, image_in=8, text_out=10, image_out=32, source=_PRICE_SOURCE
)
GPT_IMAGE_1_MINI_PRICE = Price(
    per_image=0.011, text_in=2, image_in=2.5, image_out=8, source=_PRICE_SOURCE
)


def gpt_image_model(
    model_id: str, params: Mapping[str, ParameterSpec], price: Price = DEFAULT_PRICE
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
