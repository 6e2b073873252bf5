"""No parameter is ignored: another value changes the calls or the images, or a note gives the reason."""

from dataclasses import replace
from functools import lru_cache
from typing import Any

import pytest

from retouch.core.capabilities import ModelCapabilities
from tests.contract import call_digests as digest
from tests.contract.registry import MODELS, make_standin, parameter_id
from tests.contract.runner import send_request
from tests.contract.sample_requests import sample_requests, sample_values


def _first_variants(provider, model):
    """Return [(provider, model, parameter, variant)] with the first variant that has the parameter."""
    variant_by_param: dict[str, str] = {}
    for variant, request in sample_requests(provider, model).items():
        for name in request.params.keys() & model.params.keys():
            variant_by_param.setdefault(name, variant)
    return [(provider, model, name, variant) for name, variant in sorted(variant_by_param.items())]


def _distinct_models():
    """Return the models that differ in more than their name."""
    models_by_content: dict[tuple[str, str], tuple[Any, ModelCapabilities]] = {}
    for provider, model in MODELS:
        models_by_content.setdefault(
            (provider.name, repr(replace(model, id="", upstream_name=""))), (provider, model)
        )
    return models_by_content.values()


CASES = [
    case for provider, model in _distinct_models() for case in _first_variants(provider, model)
]


@lru_cache(16)
def send_changed_request(full_name, variant, change):
    """Send a sample request with as few images as possible and the changed parameters. Return (calls, outcome)."""
    provider, model = next((p, m) for p, m in MODELS if f"{p.name}/{m.id}" == full_name)
    request = sample_requests(provider, model)[variant]
    min_images = (model.operation_match and model.operation_match.images) or 1
    images = request.images if model.operations else request.images[:min_images]
    request = replace(request, images=images, n=1).with_params(**dict(change))
    if not provider.is_paid:
        return [], send_request(request)
    with make_standin(provider) as server:
        outcome = send_request(request, server)
        return digest.call_digests(server), outcome


def other_values(model, name, value):
    """Return the other valid values of the parameter, and None, which removes it."""
    return [candidate for candidate in sample_values(model.params[name]) if candidate != value] + [
        None
    ]


@pytest.mark.parametrize(("provider", "model", "name", "variant"), CASES, ids=parameter_id)
def test_parameter_with_another_value_changes_calls_or_images(provider, model, name, variant):
    full_name = f"{provider.name}/{model.id}"
    calls, outcome = send_changed_request(full_name, variant, ())
    assert outcome.error is None
    if outcome.has_note_about(name):
        return
    tried = []
    for value in other_values(model, name, sample_requests(provider, model)[variant].params[name]):
        other_calls, other_outcome = send_changed_request(full_name, variant, ((name, value),))
        if other_outcome.error is None and has_difference(
            (calls, outcome), (other_calls, other_outcome)
        ):
            return
        tried.append((value, other_outcome.error))
    pytest.fail(f"{name} makes no difference: {tried}")


def has_difference(first, second):
    return first[0] != second[0] or first[1].decoded_images != second[1].decoded_images
