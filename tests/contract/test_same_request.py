"""One request for every model: it is fulfilled, or the error names the unsupported parameter. Nothing is ignored."""

import pytest

from tests.contract.registry import MODELS, make_standin, parameter_id
from tests.contract.runner import send_request
from tests.contract.sample_requests import PROMPT, SampleRequest
from tests.support.images import box_mask, decode_image, photo

SIZE = (1024, 1024)
REQUEST_PARAMS = ("mask", "prompt", "n", "size", "response_format")


def common_request(provider, model):
    return SampleRequest(
        name="same",
        model=f"{provider.name}/{model.id}",
        images=(photo(512, 512),),
        mask=box_mask(512, 512),
        prompt=PROMPT,
        n=2,
        params={"size": "1024x1024", "response_format": "b64_json"},
    )


@pytest.mark.parametrize(("provider", "model"), MODELS, ids=parameter_id)
def test_common_request_is_fulfilled_or_refused_by_parameter_name(provider, model):
    request = common_request(provider, model)
    if not provider.is_paid:
        assert_request_fulfilled(send_request(request), [])
        return
    with make_standin(provider) as server:
        outcome = send_request(request, server)
        if outcome.status == 400:
            assert outcome.error["param"] in (*REQUEST_PARAMS, *required_params(model))
            assert server.received == []
            return
        assert_request_fulfilled(outcome, [server.parse_request(call) for call in server.calls[:1]])


def required_params(model):
    """Return the parameters that the operation requires and the request lacks. The error may name them, too."""
    condition = model.operation_match
    return (*condition.any_params, *(["image"] if condition.images else [])) if condition else ()


def assert_request_fulfilled(outcome, parsed_calls):
    assert outcome.error is None
    assert len(outcome.images) == 2
    for image in outcome.images:
        assert decode_image(image).size == SIZE or outcome.has_note_about("size")
    for parsed in parsed_calls:
        assert parsed.mask or outcome.has_note_about("mask")
        assert PROMPT in str(parsed.fields) or outcome.has_note_about("prompt")
