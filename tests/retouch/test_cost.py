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
