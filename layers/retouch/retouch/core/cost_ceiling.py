"""The most that an edit may cost, in micro-dollars, before it is made. A budget holds this amount.

Prices by image, area and call are exact. Where a provider bills tokens, the amount is above what the model is known to
take: every byte of the prompt counts as a token, and an image gets a margin above its price in the capabilities.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from retouch.core.capabilities import ModelCapabilities, Price
from retouch.core.pricing import estimate_cost, to_micro_dollars
from retouch.core.provider_protocol import ProviderJob
from retouch.core.sizes import FixedSizes, SizeRange, parse_size

# No provider publishes a bound of the tokens of an image of any size. The prices in the capabilities are those of
# 1024x1024 pixels, and measured costs lie within a few percent of them.
_IMAGE_MARGIN = 1.25
_PRICED_PIXELS = 1024 * 1024
_AUTOMATIC_SIZE_FACTOR = 1.5  # the largest size that a model chooses itself is 1536x1024
# OpenAI: each partial image takes 100 output tokens (docs "Image generation", streaming).
_PARTIAL_IMAGE_TOKENS = 100


def cost_ceiling(
    model: ModelCapabilities,
    jobs: Sequence[ProviderJob],
    operator_ceilings: Mapping[str, int],
    provider: str,
) -> int | None:
    """Return the most that the jobs may cost, or None for a model without a price.

    `operator_ceilings` has micro-dollars of one image by model, with or without its provider. They come first.
    """
    images = sum(job.n for job in jobs)
    for name in (f"{provider}/{model.id}", model.id):
        if name in operator_ceilings:
            return operator_ceilings[name] * images
    if model.price.image_out:
        return _token_ceiling(model, jobs, images)
    cost = estimate_cost(model, jobs, images)
    if cost is None:
        return None
    dearest = to_micro_dollars(_most_expensive_image(model.price, jobs[0]) * images)
    return max(cost.micro_dollars, dearest)


def is_billed_by_tokens(price: Price) -> bool:
    """Return whether the cost of an edit is known only from its token counts."""
    return bool(price.image_out)


def _token_ceiling(model: ModelCapabilities, jobs: Sequence[ProviderJob], images: int) -> int:
    price, job = model.price, jobs[0]
    files = len(job.images) + (job.mask_file is not None or job.mask is not None)
    # Dollars per million tokens are micro-dollars per token.
    call_tokens = (
        len(job.prompt.encode()) * price.text_in + files * price.most_tokens_in * price.image_in
    )
    text_out = price.text_out or price.image_out
    image_tokens = price.most_tokens_out * text_out + _partial_images(job) * (
        _PARTIAL_IMAGE_TOKENS * price.image_out
    )
    image = _most_expensive_image(price, job) * _IMAGE_MARGIN * _size_factor(model, job)
    total = call_tokens * len(jobs) + image_tokens * images
    return round(total) + to_micro_dollars(image * images + price.per_call * len(jobs))


def _most_expensive_image(price: Price, job: ProviderJob) -> float:
    """Return the price of the value that the job has, or of the dearest one when the model chooses it."""
    value = job.params.get(price.deciding_param)
    if value in price.per_image_by_value:
        return price.per_image_by_value[str(value)]
    return max(price.per_image, *price.per_image_by_value.values(), 0.0)


def _size_factor(model: ModelCapabilities, job: ProviderJob) -> float:
    """Return how much larger the image may be than the one of the price. Sizes by aspect ratio cost alike."""
    if not isinstance(model.params.get("size"), FixedSizes | SizeRange):
        return 1.0
    size = parse_size(str(job.params.get("size", "")))
    if size is None:
        return _AUTOMATIC_SIZE_FACTOR
    return max(1.0, size[0] * size[1] / _PRICED_PIXELS)


def _partial_images(job: ProviderJob) -> int:
    count = job.params.get("partial_images", 0)
    return count if isinstance(count, int) else 0
