"""Tests of plans that are invalid or missing, of refusals and of errors: the correction and the billing."""

import json

import pytest
from PIL import Image

from retouch.core.errors import UpstreamError
from retouch.core.provider_protocol import ProviderResponse
from retouch.providers.reka_ai import parse_error
from tests.contract.standins.reka_ai import REFUSAL, chat_response
from tests.support import gateway_client
from tests.support.images import box_mask, encode_image
from tests.support.reka_ai import (
    GREYSCALE_PLAN,
    INVALID_PLAN,
    STRAIGHTEN_STEP,
    reka_edit,
    revised_prompt,
)
from tests.support.upstream import ScriptedResponse, json_response


def test_plan_moving_pixels_under_mask_is_corrected(server):
    server.planner_replies = [
        '{"steps": [{"op": "rotate", "angle": 90}]}',
        '{"steps": [{"op": "erase"}]}',
    ]
    response = reka_edit(server, mask=gateway_client.file_part(box_mask(96, 64)))
    assert revised_prompt(response) == "Erase the marked area."
    assert "'rotate' cannot be confined to a mask" in str(server.calls[1].json()["messages"][3])


def test_invalid_plan_is_returned_to_model_once(server):
    server.planner_replies = [INVALID_PLAN, GREYSCALE_PLAN]
    response = reka_edit(server)
    assert response.status == 200
    first, second = (call.json()["messages"] for call in server.calls)
    assert second[:2] == first
    assert second[2] == {"role": "assistant", "content": INVALID_PLAN}
    assert second[3]["role"] == "user"
    assert "Step 1: 'paint' is no operation" in second[3]["content"][0]["text"]
    assert response.json["usage"] == {
        "input_tokens": 2620,
        "output_tokens": 120,
        "total_tokens": 2740,
    }


@pytest.mark.parametrize(
    "plan",
    [
        '{"steps": [{"op": "crop", "region": {"left": "96px"}}]}',
        '{"steps": [{"op": "resize", "to": "9999x9999"}]}',
        '{"steps": [{"op": "erase", "region": {}}]}',
        "",
    ],
)
def test_plan_that_cannot_be_applied_is_returned_to_model(server, plan):
    server.planner_replies = [plan, GREYSCALE_PLAN]
    assert reka_edit(server).status == 200
    assert len(server.calls) == 2


def test_words_of_model_without_plan_reach_caller(server):
    server.planner_replies = ["I am sorry, I cannot\nhelp with that."] * 2
    error = reka_edit(server).json["error"]
    assert (error["code"], error["param"]) == ("plan_not_understood", "prompt")
    assert "The model said: I am sorry, I cannot help with that." in error["message"]


def test_two_invalid_plans_fail_as_billed(server):
    server.planner_replies = [INVALID_PLAN, INVALID_PLAN, GREYSCALE_PLAN]
    response = reka_edit(server)
    assert (response.status, response.json["error"]["code"]) == (400, "plan_not_understood")
    assert "'paint' is no operation" in response.json["error"]["message"]
    assert response.headers["x-retouch-billed"] == "yes"
    assert response.headers["x-should-retry"] == "false"
    assert len(server.calls) == 2


@pytest.mark.parametrize("planner_replies", [[REFUSAL], [INVALID_PLAN, REFUSAL]])
def test_refusal_by_model_returns_unsupported_operation(server, planner_replies):
    server.planner_replies = planner_replies
    response = reka_edit(server, prompt="put a hat on the dog")
    error = response.json["error"]
    assert (response.status, error["code"], error["param"]) == (
        400,
        "unsupported_operation",
        "prompt",
    )
    assert error["type"] == "invalid_request_error"
    assert "Adding a hat needs painting." in error["message"]
    assert "/v1/models" in error["message"]
    assert response.headers["x-retouch-billed"] == "yes"


def test_error_after_first_plan_has_unknown_billing(server):
    server.failure_responses = [
        chat_response("reka-flash", INVALID_PLAN),
        json_response({"detail": "slow down"}, 429),
    ]
    response = reka_edit(server)
    assert response.status == 429
    assert response.headers["x-retouch-billed"] == "unknown"
    assert response.headers["x-should-retry"] == "false"


def test_erase_with_full_mask_returns_mask_full(server):
    server.planner_replies = ['{"steps": [{"op": "erase"}]}']
    everything = encode_image(Image.new("RGBA", (96, 64), (0, 0, 0, 0)))
    response = reka_edit(server, mask=gateway_client.file_part(everything), allow_full_mask="true")
    assert (response.status, response.json["error"]["code"]) == (400, "mask_full")
    assert response.headers["x-retouch-billed"] == "unknown"


@pytest.mark.parametrize(
    ("status", "body", "kind_and_message"),
    [
        (422, {"detail": [{"loc": ["body", "model"], "msg": "field required", "type": "x"}]},
         ("", "body.model: field required")),
        (405, {"detail": "Method Not Allowed"}, ("", "Method Not Allowed")),
        (401, {"error": {"message": "Invalid API key", "type": "authentication_error"}},
         ("auth", "Invalid API key")),
        (403, {"error": {"message": "P001: Insufficient Balance"}},
         ("out_of_quota", "P001: Insufficient Balance")),
        (402, {"detail": "P001: top up"}, ("out_of_quota", "P001: top up")),
        (400, {"detail": "insufficient balance"}, ("out_of_quota", "insufficient balance")),
        (404, {"detail": "model not found"}, ("no_such_model", "model not found")),
    ],
)  # fmt: skip
def test_error_response_yields_kind_and_message(status, body, kind_and_message):
    error = parse_error(ProviderResponse(status, {}, json.dumps(body).encode()))
    assert (error.kind, error.message) == kind_and_message


def test_html_error_page_returns_502(server):
    server.failure_responses = [
        ScriptedResponse(502, b"<html>bad gateway</html>", {"content-type": "text/html"})
    ]
    response = reka_edit(server)
    assert (response.status, response.json["error"]["code"]) == (502, UpstreamError.code)


def test_plan_over_work_limit_is_corrected_once_then_fails_as_billed(server):
    long_plan = json.dumps(
        {"steps": [{"op": "resize", "to": "4096x4096"}, *[STRAIGHTEN_STEP] * 11]}
    )
    server.planner_replies = [long_plan, GREYSCALE_PLAN]
    assert reka_edit(server).status == 200
    assert "too much work for a picture of" in str(server.calls[1].json()["messages"][3])
    server.planner_replies = [long_plan, long_plan]
    response = reka_edit(server)
    assert (response.status, response.json["error"]["code"]) == (400, "plan_not_understood")
    assert response.headers["x-retouch-billed"] == "yes"
