"""The cost of an edit in US dollars: from the provider's token counts if it sends them, else per image and call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from retouch.core.capabilities import ModelCapabilities, Price

_TOKENS_PER_PRICE_UNIT = 1_000_000


@dataclass(frozen=True, slots=True)
class Cost:
    """An amount in US dollars. `estimated` is False if it comes from token counts or fixed prices."""

    usd: float
    estimated: bool

    def __str__(self) -> str:
        """Return the amount as text, e.g. "0.0412" or "0.04 estimated"."""
        return f"{round(self.usd, 6):g}{' estimated' if self.estimated else ''}"


def edit_cost(
    model: ModelCapabilities, images: int, usage: Mapping[str, Any] | None = None, calls: int = 1
) -> Cost | None:
    """Return the cost of completed images from `calls` provider calls, or None when the model has no price.

    `usage` is OpenAI's usage object as `usage.token_counts` returns it, summed over all calls. Without it the cost of a
    model that bills tokens is estimated.
    """
    price = model.price
    token_cost = _token_cost(price, usage) if usage and price.image_out else 0.0
    if token_cost:
        return Cost(token_cost, estimated=False)
    flat_cost = price.per_image * images + price.per_call * calls
    return Cost(flat_cost, estimated=bool(price.image_out)) if flat_cost else None


def _token_cost(price: Price, usage: Mapping[str, Any]) -> float:
    """Return the cost of the tokens, or 0.0 when no output tokens were counted.

    Text and image tokens have different prices. Without details, all input tokens count as text and all output tokens
    count as image.
    """
    input_details, output_details = (
        usage.get(f"{direction}_tokens_details") or {} for direction in ("input", "output")
    )
    total_in, total_out = usage.get("input_tokens", 0), usage.get("output_tokens", 0)
    if not total_out:
        return 0.0
    image_in = input_details.get("image_tokens", 0)
    text_out = min(output_details.get("text_tokens", 0), total_out)
    dollars: float = (
        (total_in - image_in) * price.text_in
        + image_in * price.image_in
        + text_out * price.text_out
        + (total_out - text_out) * price.image_out
    )
    return dollars / _TOKENS_PER_PRICE_UNIT
