"""The cost of an edit in micro-dollars.

The amount that the provider states comes first, then the provider's token counts, then an estimate from the prices in
the capabilities. A cost that nothing states is unknown. It is never zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from retouch.core.capabilities import ModelCapabilities, Price
from retouch.core.edit_types import EncodedImage, GeneratedImage
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.geometry import Size
from retouch.core.provider_protocol import ProviderJob
from retouch.core.sizes import SizeRange, parse_size

MICRO_DOLLARS = 1_000_000  # in one US dollar
# The providers that price by area count in megapixels of 1024x1024 pixels.
_PIXELS_PER_MEGAPIXEL = 1_048_576


@frozen_dataclass
class Cost:
    """An amount. `estimated` is False if the provider states the amount or the token counts, or has fixed prices."""

    micro_dollars: int
    estimated: bool

    @property
    def usd(self) -> float:
        """The amount in US dollars, for JSON."""
        return self.micro_dollars / MICRO_DOLLARS

    def __str__(self) -> str:
        """Return the amount in US dollars as text, e.g. "0.0412" or "0.04 estimated"."""
        dollars = f"{Decimal(self.micro_dollars) / MICRO_DOLLARS:.6f}".rstrip("0").rstrip(".")
        return f"{dollars}{' estimated' if self.estimated else ''}"


def edit_cost(
    model: ModelCapabilities,
    jobs: Sequence[ProviderJob],
    images: Sequence[GeneratedImage],
    usage: Mapping[str, Any] | None = None,
) -> Cost | None:
    """Return the cost of all images that the provider made for `jobs`, or None when it is unknown.

    `usage` is OpenAI's usage object as `usage.token_counts` returns it, summed over all calls.
    """
    stated_costs = [image.cost_micro_dollars for image in images]
    known_costs = [cost for cost in stated_costs if cost is not None]
    if known_costs and len(known_costs) == len(stated_costs):
        return Cost(sum(known_costs), estimated=False)
    price = model.price
    token_cost = _token_cost(price, usage) if usage and price.image_out else 0
    if token_cost:
        return Cost(token_cost, estimated=False)
    return estimate_cost(model, jobs, len(images))


def estimate_cost(
    model: ModelCapabilities, jobs: Sequence[ProviderJob], images: int
) -> Cost | None:
    """Return the expected cost of `images` images that `jobs` make, or None when the model has no price.

    The jobs of one edit differ in the seed only, so that the first one gives the price of every image.
    """
    price, job = model.price, jobs[0]
    dollars = _image_price(price, job) * images + price.per_call * len(jobs)
    dollars += price.per_megapixel * _further_megapixels(model, job) * images
    if not dollars:
        return None
    return Cost(to_micro_dollars(dollars), bool(price.image_out or price.per_megapixel))


def to_micro_dollars(dollars: float) -> int:
    """Return an amount in US dollars as micro-dollars."""
    return round(dollars * MICRO_DOLLARS)


def _image_price(price: Price, job: ProviderJob) -> float:
    value = job.params.get(price.deciding_param)
    return price.per_image_by_value.get(value, price.per_image) if value else price.per_image


def _further_megapixels(model: ModelCapabilities, job: ProviderJob) -> int:
    """Return the megapixels of all input images, and those of the result after its first one."""
    sent_sizes = [_sent_size(image) for image in job.images]
    result_size = parse_size(str(job.params.get("size", ""))) or sent_sizes[0]
    spec = model.params.get("size")
    max_pixels = spec.max_pixels if isinstance(spec, SizeRange) else 0
    return _megapixels(result_size, max_pixels) - 1 + sum(map(_megapixels, sent_sizes))


def _sent_size(image: EncodedImage) -> Size:
    placement = image.conversion.placement if image.conversion else None
    return placement.canvas if placement else image.size


def _megapixels(size: Size, max_pixels: int = 0) -> int:
    """Return the area in whole megapixels, rounded up. No area counts more than `max_pixels`; 0: no maximum."""
    pixels = size[0] * size[1]
    return -(-min(pixels, max_pixels or pixels) // _PIXELS_PER_MEGAPIXEL)


def _token_cost(price: Price, usage: Mapping[str, Any]) -> int:
    """Return the cost of the tokens in micro-dollars, or 0 when no output tokens were counted.

    Text and image tokens have different prices. Without details, all input tokens count as text and all output tokens
    count as image. Dollars per million tokens are micro-dollars per token.
    """
    input_details, output_details = (
        usage.get(f"{direction}_tokens_details") or {} for direction in ("input", "output")
    )
    total_in, total_out = usage.get("input_tokens", 0), usage.get("output_tokens", 0)
    if not total_out:
        return 0
    image_in = input_details.get("image_tokens", 0)
    text_out = min(output_details.get("text_tokens", 0), total_out)
    micro_dollars: float = (
        (total_in - image_in) * price.text_in
        + image_in * price.image_in
        + text_out * price.text_out
        + (total_out - text_out) * price.image_out
    )
    return round(micro_dollars)
