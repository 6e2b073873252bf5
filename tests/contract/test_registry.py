"""The contract suite is complete: each paid provider has a stand-in, and each parameter is in a sample request."""

import pytest

from retouch.core.parameters import NotForwarded
from tests.contract.registry import MODELS, PAID_PROVIDERS, parameter_id, standin_class
from tests.contract.sample_requests import sample_requests
from tests.contract.stored_calls import stale_files


@pytest.mark.parametrize("provider", PAID_PROVIDERS, ids=parameter_id)
def test_paid_provider_has_stand_in(provider):
    assert standin_class(provider).slug == provider.name


@pytest.mark.parametrize("provider", PAID_PROVIDERS, ids=parameter_id)
def test_stand_in_defines_required_failures(provider):
    failures = standin_class(provider)().failures()
    assert {"bad_key", "rate_limited", "strange"} <= failures.keys()
    assert any(name.startswith("moderated") for name in failures)


@pytest.mark.parametrize(("provider", "model"), MODELS, ids=parameter_id)
def test_sample_requests_cover_every_model_capability(provider, model):
    requests = sample_requests(provider, model).values()
    sent_params = {name for request in requests for name in request.params}
    assert model.params.keys() <= sent_params
    assert max(len(request.images) for request in requests) == model.max_images
    assert any(request.mask for request in requests) == (model.mask_format is not None)
    assert any(request.prompt for request in requests) == (model.prompt_mode != "unread")
    assert max(request.n for request in requests) == min(2, model.max_n, model.max_n_per_call)


def test_retired_models_have_no_stored_calls():
    assert stale_files() == set()


@pytest.mark.parametrize(("provider", "model"), MODELS, ids=parameter_id)
def test_parameter_not_forwarded_has_reason(provider, model):
    reasons = [spec.reason for spec in model.params.values() if isinstance(spec, NotForwarded)]
    assert all(reason.strip() for reason in reasons)
