"""Nobody takes part by being listed: a paid provider without a stand-in, and a parameter that no order has, fail."""

import pytest

from retouch.specs import Unsent
from tests.contract.enrolled import MODELS, PAID, name_of, standin_class
from tests.contract.orders import wanted
from tests.contract.store import stale


@pytest.mark.parametrize("provider", PAID, ids=name_of)
def test_every_paid_provider_has_a_stand_in(provider):
    assert standin_class(provider).slug == provider.name


@pytest.mark.parametrize("provider", PAID, ids=name_of)
def test_every_stand_in_knows_how_its_provider_fails(provider):
    failures = standin_class(provider)().failures()
    assert {"bad_key", "rate_limited", "strange"} <= failures.keys()
    assert any(name.startswith("moderated") for name in failures)


@pytest.mark.parametrize(("provider", "model"), MODELS, ids=name_of)
def test_the_orders_together_have_everything_that_the_card_has(provider, model):
    orders = wanted(provider, model).values()
    asked = {name for order in orders for name in order.params}
    assert model.params.keys() <= asked
    assert max(len(order.images) for order in orders) == model.images
    assert any(order.mask for order in orders) == (model.mask is not None)
    assert any(order.prompt for order in orders) == (model.prompt != "unread")
    assert max(order.n for order in orders) == min(2, model.n, model.per_call)


def test_nothing_is_stored_of_models_that_are_gone():
    assert stale() == set()


@pytest.mark.parametrize(("provider", "model"), MODELS, ids=name_of)
def test_what_is_not_sent_says_why(provider, model):
    reasons = [spec.reason for spec in model.params.values() if isinstance(spec, Unsent)]
    assert all(reason.strip() for reason in reasons)
