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


def cost(model: Model, pictures: int, usage: Any = None) -> Cost | None:
    """The cost of finished pictures; None where the card knows no price."""
    price = model.price
    if isinstance(usage, Mapping) and price.image_out:
        return Cost(_by_tokens(price, usage), estimated=False)
    if not price.picture:
        return None
    return Cost(price.picture * pictures, estimated=bool(price.image_out))


def _by_tokens(price: Price, usage: Mapping[str, Any]) -> float:
    """OpenAI's usage object: text and image tokens in apart where the provider says so."""
    details = usage.get("input_tokens_details") or {}
    total_in = int(usage.get("input_tokens") or 0)
    image_in = int(details.get("image_tokens") or 0)
    out = int(usage.get("output_tokens") or 0)
    text_in = total_in - image_in
    return (text_in * price.text_in + image_in * price.image_in + out * price.image_out) / _MILLION
