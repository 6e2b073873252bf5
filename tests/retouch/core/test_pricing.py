"""Tests of the cost of an edit: computed from usage if known, otherwise estimated per image."""

from retouch.core.capabilities import ModelCapabilities, Price
from retouch.core.pricing import edit_cost

TOKEN_PRICED_MODEL = ModelCapabilities(
    id="t", price=Price(per_image=0.05, text_in=5, image_in=8, image_out=30)
)
IMAGE_PRICED_MODEL = ModelCapabilities(id="f", price=Price(per_image=0.04))
USAGE = {
    "input_tokens": 1100,
    "output_tokens": 1000,
    "input_tokens_details": {"text_tokens": 100, "image_tokens": 1000},
}


def test_cost_is_computed_from_usage():
    result = edit_cost(TOKEN_PRICED_MODEL, 1, USAGE)
    assert result is not None
    assert round(result.usd, 6) == round((100 * 5 + 1000 * 8 + 1000 * 30) / 1e6, 6)
    assert str(result) == "0.0385"


def test_cost_without_usage_is_an_estimate():
    assert str(edit_cost(TOKEN_PRICED_MODEL, 2)) == "0.1 estimated"


def test_cost_with_price_per_image_is_no_estimate():
    assert str(edit_cost(IMAGE_PRICED_MODEL, 3, USAGE)) == "0.12"


def test_model_without_price_has_no_cost():
    assert edit_cost(ModelCapabilities(id="x"), 1, USAGE) is None


def test_text_output_tokens_have_their_own_price():
    thinker = ModelCapabilities(
        id="g", price=Price(per_image=0.1, text_in=2, image_in=2, text_out=12, image_out=120)
    )
    split = {"output_tokens_details": {"text_tokens": 400, "image_tokens": 600}}
    assert (
        str(edit_cost(thinker, 1, {**USAGE, **split}))
        == f"{(1100 * 2 + 400 * 12 + 600 * 120) / 1e6:g}"
    )


def test_usage_without_output_tokens_gives_an_estimate():
    assert str(edit_cost(TOKEN_PRICED_MODEL, 1, {"input_tokens": 100})) == "0.05 estimated"


def test_price_per_call_does_not_grow_with_image_count():
    planner = ModelCapabilities(id="r", price=Price(per_call=0.003))
    assert str(edit_cost(planner, 3)) == "0.003"
    assert str(edit_cost(planner, 3, calls=2)) == "0.006"
