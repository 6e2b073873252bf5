"""A model that makes one image per call is called once per image. Only the seed differs between the calls."""

from dataclasses import replace

import pytest

from tests.contract.registry import PAID_MODELS, make_standin, parameter_id
from tests.contract.runner import run_sample, send_request
from tests.contract.sample_requests import sample_requests

SINGLE_IMAGE_MODELS = [(p, m) for p, m in PAID_MODELS if m.max_n_per_call == 1 and m.max_n > 1]


@pytest.mark.parametrize(("provider", "model"), SINGLE_IMAGE_MODELS, ids=parameter_id)
def test_single_image_model_with_n_2_gets_one_call_per_image(provider, model):
    (variant, *_) = sample_requests(provider, model)
    single_run = run_sample(provider.name, model.id, variant)
    with make_standin(provider) as server:
        outcome = send_request(replace(sample_requests(provider, model)[variant], n=2), server)
        first, second = (server.parse_request(call) for call in paid_requests(server.received))
    assert outcome.error is None
    assert len(outcome.images) == 2, outcome.notes
    assert len(paid_requests(single_run.received)) == 1
    for parsed in (first, second):
        assert (parsed.images, parsed.mask) == (
            single_run.first_call.images,
            single_run.first_call.mask,
        )
    assert seed_fields(first) != seed_fields(second) or "seed" not in model.params
    assert (
        fields_without_seed(first)
        == fields_without_seed(second)
        == fields_without_seed(single_run.first_call)
    )


def paid_requests(received):
    """Return the paid calls. A poll by POST has no image, so its body is small."""
    return [r for r in received if r.method == "POST" and len(r.body) > 500]


def flatten(value, path=""):
    """Return every leaf of nested fields as {path: text}."""
    if isinstance(value, dict):
        return {
            k: v
            for name, nested in value.items()
            for k, v in flatten(nested, f"{path}.{name}").items()
        }
    return {path: str(value)}


def seed_fields(parsed):
    return {path: value for path, value in flatten(parsed.fields).items() if path.endswith("seed")}


def fields_without_seed(parsed):
    return {
        path: value for path, value in flatten(parsed.fields).items() if not path.endswith("seed")
    }
