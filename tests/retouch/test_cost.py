"""What an edit costs: counted from usage where there is one, estimated by the picture elsewhere."""

from retouch.cards import Model, Price
from retouch.cost import cost

TOKENS = Model(id="t", price=Price(picture=0.05, text_in=5, image_in=8, image_out=30))
FLAT = Model(id="f", price=Price(picture=0.04))
USAGE = {
    "input_tokens": 1100,
    "output_tokens": 1000,
    "input_tokens_details": {"text_tokens": 100, "image_tokens": 1000},
}


def test_usage_counts():
    found = cost(TOKENS, 1, USAGE)
    assert round(found.usd, 6) == round((100 * 5 + 1000 * 8 + 1000 * 30) / 1e6, 6)
    assert str(found) == "0.0385"


def test_without_usage_it_is_an_estimate():
    assert str(cost(TOKENS, 2)) == "0.1 estimated"


def test_a_price_by_the_picture_is_no_estimate():
    assert str(cost(FLAT, 3, USAGE)) == "0.12"


def test_no_price_no_cost():
    assert cost(Model(id="x"), 1, USAGE) is None


def test_thoughts_cost_what_text_costs():
    thinker = Model(
        id="g", price=Price(picture=0.1, text_in=2, image_in=2, text_out=12, image_out=120)
    )
    split = {"output_tokens_details": {"text_tokens": 400, "image_tokens": 600}}
    assert (
        str(cost(thinker, 1, {**USAGE, **split})) == f"{(1100 * 2 + 400 * 12 + 600 * 120) / 1e6:g}"
    )


def test_usage_without_output_is_no_count():
    assert str(cost(TOKENS, 1, {"input_tokens": 100})) == "0.05 estimated"


def test_a_price_by_the_call_does_not_grow_with_the_pictures():
    planner = Model(id="r", price=Price(call=0.003))
    assert str(cost(planner, 3)) == "0.003"
    assert str(cost(planner, 3, calls=2)) == "0.006"
