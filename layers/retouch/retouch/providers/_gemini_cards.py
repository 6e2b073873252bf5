"""The cards of Google's image models as both hosts serve them.

Facts from Google's pages and google-genai 3.4.0 as of 2026-11. `512` is left out: sources differ on which model
takes it. `quality` has no equivalent; `thinking_level` is Google's own name for the nearest thing. Prices are those
of litellm's table and other third parties: a picture's is that of 1K, a token's follows from it (1120 tokens, 1290
with 2.5), and what goes in counts only where its price was found; it adds a few percent at most.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from retouch.cards import Model, Price
from retouch.sizes import Ratios
from retouch.specs import Choice, Spec, Unsent, Whole, Words

RATIOS = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")
ALL_RATIOS = (*RATIOS, "1:4", "4:1", "1:8", "8:1")
TIERS = {"1K": 1024, "2K": 2048, "4K": 4096}
PARAMS: Mapping[str, Spec] = {
    "safety_threshold": Choice(
        (
            "block_low_and_above",
            "block_medium_and_above",
            "block_only_high",
            "block_none",
            "off",
        )
    ),
    "seed": Whole(0, 2_147_483_638),  # 32 bits, less what the calls after the first add to it
    "user": Unsent(Words(512), "Google has no such field"),
}
_SOURCE = "Google's price list as litellm and other gateways copied it by 2026-11"


def _shapes(ratios: tuple[str, ...], tiers: Mapping[str, int]) -> dict[str, Spec]:
    """Size by shape and tier, and both by Google's own names; one tier only is not named to Google."""
    tier = {"resolution": Choice(tuple(tiers))} if tiers else {}
    return {"size": Ratios(ratios, tiers), "aspect_ratio": Choice(ratios), **tier}


def _thinking(*levels: str) -> dict[str, Spec]:
    return {"thinking_level": Choice(levels)}


def _model(model_id: str, params: Mapping[str, Spec], price: Price) -> Model:
    """What all of the family have in common: pictures and words in, one opaque picture out, no mask."""
    return Model(
        id=model_id,
        images=14,
        per_call=1,
        params={**params, **PARAMS},
        makes=(),
        compresses=False,
        instructs=True,
        price=price,
    )


NANO_BANANA_2_1 = _model(
    "gemini-nano-banana-2.1",
    {**_shapes(ALL_RATIOS, TIERS), **_thinking("minimal", "medium", "high")},
    Price(0.0336, text_in=1.5, image_in=1.5, text_out=7.5, image_out=30, source=_SOURCE),
)
PRO = _model(
    "gemini-3-pro-image",
    _shapes(RATIOS, TIERS),
    Price(0.134, text_in=2, image_in=2, image_out=120, source=_SOURCE),
)
FLASH_3_1 = _model(
    "gemini-3.1-flash-image",
    {**_shapes(ALL_RATIOS, TIERS), **_thinking("minimal", "high")},
    Price(0.067, image_out=60, source=_SOURCE),
)
FLASH_LITE_3_1 = _model(
    "gemini-3.1-flash-lite-image",
    _shapes(ALL_RATIOS, {}),
    Price(0.0336, image_out=30, source=_SOURCE),
)
# Makes about a megapixel, takes at most three pictures, and calls any imageSize an error.
FLASH_2_5 = replace(
    _model(
        "gemini-2.5-flash-image",
        _shapes(RATIOS, {}),
        Price(0.039, image_out=30, source=_SOURCE),
    ),
    images=3,
)
FAMILY = (NANO_BANANA_2_1, PRO, FLASH_3_1, FLASH_LITE_3_1, FLASH_2_5)
