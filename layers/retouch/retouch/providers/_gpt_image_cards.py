"""The cards of the GPT image family and of the contract before it, as openai-python 3.54.0 documents them."""

from __future__ import annotations

from collections.abc import Mapping

from retouch.cards import ALPHA, Model, Price
from retouch.sizes import FixedSizes, FreeSize
from retouch.specs import Choice, Spec, Unsent, Whole, Words

SIZES_1 = FixedSizes(("1024x1024", "1536x1024", "1024x1536", "auto"))
SIZES_2 = FreeSize(
    step=16, longest_edge=3840, least_pixels=655_360, most_pixels=8_294_400, widest=3
)
LEGACY_QUALITY = {"standard": "medium", "hd": "high"}
QUALITY = Choice(("auto", "low", "medium", "high"), LEGACY_QUALITY)
QUALITY_25 = Choice(("auto", "low", "medium", "high", "xhigh", "max"), LEGACY_QUALITY)
GPT_PARAMS: Mapping[str, Spec] = {
    "size": SIZES_1,
    "quality": QUALITY,
    "background": Choice(("auto", "opaque", "transparent")),
    "input_fidelity": Choice(("low", "high")),
    "output_format": Choice(("png", "jpeg", "webp")),
    "output_compression": Whole(0, 100),
    "partial_images": Whole(0, 3),
    "moderation": Choice(("auto", "low")),
    "safety_identifier": Words(512),
    "user": Words(512),
}
# Sending input_fidelity to these is an error upstream; what it would ask for is what they always do.
GPT2_PARAMS: Mapping[str, Spec] = {
    **GPT_PARAMS,
    "size": SIZES_2,
    "input_fidelity": Unsent(Choice(("high",)), "always high on this model, not sent"),
}
GPT25_PARAMS: Mapping[str, Spec] = {**GPT2_PARAMS, "quality": QUALITY_25}
GPT26_PARAMS: Mapping[str, Spec] = {**GPT25_PARAMS, "complexity": Choice(("low", "medium", "high"))}


_SOURCE = "OpenAI's price page by way of litellm 1.109.1"
# A picture is the middle of what 1024x1024 costs by quality; usage tells what it really was.
PRICE = Price(picture=0.053, text_in=5, image_in=8, image_out=30, source=_SOURCE)
PRICE_15 = Price(picture=0.034, text_in=5, image_in=8, text_out=10, image_out=32, source=_SOURCE)
PRICE_MINI = Price(picture=0.011, text_in=2, image_in=2.5, image_out=8, source=_SOURCE)


def gpt_image(model_id: str, params: Mapping[str, Spec], price: Price = PRICE) -> Model:
    """A card with the family's limits."""
    return Model(
        id=model_id,
        images=16,
        mask=ALPHA,
        mask_bytes=4_000_000,
        params=params,
        streams=True,
        transparent=True,
        price=price,
    )


# The contract that clients still speak; the model itself was shut down.
DALL_E_2 = Model(
    id="dall-e-2",
    accepts=("png",),
    image_bytes=4_000_000,
    square=True,
    prompt_chars=1000,
    mask=ALPHA,
    mask_bytes=4_000_000,
    needs_mask=True,
    params={
        "size": FixedSizes(("256x256", "512x512", "1024x1024")),
        "quality": Choice(("standard",)),
        "user": Words(512),
    },
    defaults={"size": "1024x1024"},
    response_format="url",
)
