"""Tests of direct invokes for Step Functions and Pipes: failures by name, lists of one, and keys."""

import json
from dataclasses import replace

import pytest

from retouch.api.events.unknown import UnknownEvent
from retouch.api.handlers.edits import build_handler
from retouch.infrastructure.lambda_runtime.errors import ErrorReport
from tests.support.events import lambda_context
from tests.support.gateway_client import telemetry
from tests.support.images import b64
from tests.support.order_gateway import IMAGE, crash_after, run_gateway

EDIT = {
    "model": "gpt-image-2",
    "prompt": "p",
    "images": [{"image_url": f"data:image/png;base64,{b64(IMAGE)}"}],
}
KEY = {"idempotency_key": "arn:aws:states:us-east-1:1:execution:shop:4711/Edit"}


@pytest.fixture
def gateway():
    with run_gateway() as running:
        yield running


def invoke(gateway, event):
    return build_handler(gateway.services, lambda: None, telemetry())(event, lambda_context())


def failure_of(gateway, event):
    with pytest.raises(Exception, match="billed") as caught:
        invoke(gateway, event)
    return json.loads(ErrorReport(caught.value).to_json())


def test_failure_is_raised_by_its_code_when_the_event_asks_for_it(gateway):
    report = failure_of(gateway, {**EDIT, "model": "nobody/nothing", "raise": True})
    assert report["errorType"] == "Retouch.model_not_found"
    assert report["errorMessage"].endswith("(billed: no)")
    assert "nobody/nothing" in report["errorMessage"]


@pytest.mark.parametrize("event", [EDIT, {**EDIT, "raise": False}, {**EDIT, "raise": None}])
def test_failure_is_returned_when_the_event_does_not_ask(gateway, event):
    response = invoke(gateway, {**event, "model": "nobody/nothing"})
    assert response["error"]["code"] == "model_not_found"


def test_success_is_returned_with_raise_too(gateway):
    assert invoke(gateway, {**EDIT, "raise": True})["data"]


def test_raise_that_is_no_boolean_is_refused_by_name(gateway):
    response = invoke(gateway, {**EDIT, "raise": "yes"})
    assert (response["error"]["param"], response["retouch"]["status"]) == ("raise", 400)


def test_long_message_of_a_failure_is_cut_and_not_withheld(gateway):
    report = failure_of(gateway, {**EDIT, "size": "9" * 500, "raise": True})
    assert len(report["errorMessage"]) <= 256
    assert "withheld" not in report["errorMessage"]


def test_state_is_bought_once_however_often_it_is_retried(gateway):
    answers = [invoke(gateway, {**EDIT, **KEY, "raise": True}) for _ in range(3)]
    assert len(gateway.upstream.calls) == 1
    assert {json.dumps(one["data"]) for one in answers} == {json.dumps(answers[0]["data"])}


def test_outcome_that_nobody_knows_is_an_error_of_its_own_name(gateway):
    send = gateway.send
    gateway.send = lambda *_, **__: invoke(gateway, {**EDIT, **KEY})
    crash_after(gateway, "sent")
    gateway.send = send
    for _ in range(2):
        report = failure_of(gateway, {**EDIT, **KEY, "raise": True})
        assert report["errorType"] == "Retouch.order_outcome_unknown"
        assert report["errorMessage"].endswith("(billed: unknown)")
    assert len(gateway.upstream.calls) <= 1


def test_pipe_whose_target_fails_twice_buys_once(gateway):
    answers = [invoke(gateway, [{**EDIT, "idempotency_key": "m-1"}]) for _ in range(3)]
    assert len(gateway.upstream.calls) == 1
    assert all(len(one) == 1 and one[0]["data"] for one in answers)


@pytest.fixture
def repeating_gateway(gateway):
    """Return a gateway of a stack in which Lambda repeats asynchronous invokes."""
    gateway.services.settings = replace(gateway.services.settings, async_retries=2)
    return gateway


def test_event_without_a_key_is_refused_where_lambda_repeats_invokes(repeating_gateway):
    report = failure_of(repeating_gateway, {**EDIT, "raise": True})
    assert report["errorType"] == "Retouch.idempotency_key_required"
    assert repeating_gateway.upstream.calls == []


def test_event_with_a_key_is_bought_once_where_lambda_repeats_invokes(repeating_gateway):
    for _ in range(3):
        assert invoke(repeating_gateway, {**EDIT, **KEY, "raise": True})["data"]
    assert len(repeating_gateway.upstream.calls) == 1


def test_dry_run_needs_no_key_where_lambda_repeats_invokes(repeating_gateway):
    assert "error" not in invoke(repeating_gateway, {**EDIT, "dry_run": True})


@pytest.mark.parametrize(
    "event",
    [[], [EDIT], [EDIT, EDIT], [{"hello": 1}], ["x"], {"hello": 1}, {"Records": []}, None, "x"],
)
def test_event_that_is_no_edit_still_fails_the_invocation(gateway, event):
    with pytest.raises(UnknownEvent):
        invoke(gateway, event)
    assert gateway.upstream.calls == []
