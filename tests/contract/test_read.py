"""No parameter is read and forgotten: with another value the calls differ, or the pictures do, or a note says why."""

from dataclasses import replace
from functools import lru_cache

import pytest

from tests.contract import digest
from tests.contract.corridor import ask
from tests.contract.enrolled import MODELS, name_of, standin
from tests.contract.orders import candidates, wanted


def _firsts(provider, model):
    """Each parameter with the first order that has it."""
    found = {}
    for variant, order in wanted(provider, model).items():
        for name in order.params.keys() & model.params.keys():
            found.setdefault(name, variant)
    return [(provider, model, name, variant) for name, variant in sorted(found.items())]


def _distinct():
    """Models that differ in more than their name."""
    found = {}
    for provider, model in MODELS:
        found.setdefault(
            (provider.name, repr(replace(model, id="", upstream=""))), (provider, model)
        )
    return found.values()


CASES = [case for provider, model in _distinct() for case in _firsts(provider, model)]


@lru_cache(16)
def said(name, variant, change):
    """What an order with one picture, changed in one parameter, becomes: (calls, outcome)."""
    provider, model = next((p, m) for p, m in MODELS if f"{p.name}/{m.id}" == name)
    order = wanted(provider, model)[variant]
    fewest = (model.when and model.when.images) or 1
    images = order.images if model.chooses else order.images[:fewest]
    order = replace(order, images=images, n=1).changed(**dict(change))
    if not provider.paid:
        return [], ask(order)
    with standin(provider) as server:
        outcome = ask(order, server)
        return digest.calls(server), outcome


def others(model, name, value):
    """Other values, as far as there are any, and none at all."""
    return [other for other in candidates(model.params[name]) if other != value] + [None]


@pytest.mark.parametrize(("provider", "model", "name", "variant"), CASES, ids=name_of)
def test_another_value_makes_a_difference(provider, model, name, variant):
    full = f"{provider.name}/{model.id}"
    calls, outcome = said(full, variant, ())
    assert outcome.error is None
    if outcome.noted(name):
        return
    tried = []
    for other in others(model, name, wanted(provider, model)[variant].params[name]):
        other_calls, other_outcome = said(full, variant, ((name, other),))
        if other_outcome.error is None and differ((calls, outcome), (other_calls, other_outcome)):
            return
        tried.append((other, other_outcome.error))
    pytest.fail(f"{name} makes no difference: {tried}")


def differ(one, other):
    return one[0] != other[0] or one[1].looks != other[1].looks
