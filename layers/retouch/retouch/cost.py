"""What an edit costs, in US dollars: from the provider's own token counts where it sends them, else by the picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from retouch.cards import Model, Price

_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Cost:
    """US dollars, and whether they were counted or only estimated."""

    usd: float
    estimated: bool

    def __str__(self) -> str:
        """E.g. "0.0412" or "0.04 estimated"."""
        return f"{round(self.usd, 6):g}{' estimated' if self.estimated else ''}"


def cost(
    model: Model, pictures: int, usage: Mapping[str, Any] | None = None, calls: int = 1
) -> Cost | None:
    """The cost of finished pictures, made in so many calls; None where the card knows no price.

    `usage` is OpenAI's object, as `usage.told` gives it, of all calls together; without it tokens are estimated.
    """
    price = model.price
    counted = _by_tokens(price, usage) if usage and price.image_out else 0.0
    if counted:
        return Cost(counted, estimated=False)
    flat = price.picture * pictures + price.call * calls
    return Cost(flat, estimated=bool(price.image_out)) if flat else None


def _by_tokens(price: Price, usage: Mapping[str, Any]) -> float:
    """Text and pictures apart, both ways, where the provider says so; else text came in and a picture came out."""
    shown, drawn = (usage.get(f"{way}_tokens_details") or {} for way in ("input", "output"))
    total_in, total_out = usage.get("input_tokens", 0), usage.get("output_tokens", 0)
    if not total_out:
        return 0.0
    image_in = shown.get("image_tokens", 0)
    text_out = min(drawn.get("text_tokens", 0), total_out)
    dollars: float = (
        (total_in - image_in) * price.text_in
        + image_in * price.image_in
        + text_out * price.text_out
        + (total_out - text_out) * price.image_out
    )
    return dollars / _MILLION
