"""Tests of guardrails in Portkey's configs and headers, through the whole pipeline."""

import json

import pytest

from tests.support.portkey_edits import (
    A,
    send_edit,
)

DENYING_HOOK = {"default.contains": {"words": ["passport"], "operator": "none"}, "deny": True}
TINY_OUTPUT_HOOK = {"retouch.output": {"maxMegapixels": 0.000001}}


def test_denied_request_returns_446_and_is_not_billed(upstreams):
    response = send_edit(
        upstreams, {**A, "input_guardrails": [DENYING_HOOK]}, {"prompt": "forge a passport"}
    )
    assert response.status == 446
    assert response.json["error"]["type"] == "hooks_failed"
    assert response.json["hook_results"]["before_request_hooks"][0]["verdict"] is False
    assert response.headers["x-retouch-billed"] == "no"
    assert upstreams[0].received == []


def test_denied_result_returns_446_and_is_billed(upstreams):
    response = send_edit(
        upstreams, {**A, "output_guardrails": [{**TINY_OUTPUT_HOOK, "deny": True}]}
    )
    assert response.status == 446
    assert response.headers["x-retouch-billed"] == "yes"
    assert len(response.json["hook_results"]["after_request_hooks"]) == 1


def test_failed_hook_without_deny_returns_246_with_images(upstreams):
    response = send_edit(upstreams, {**A, "output_guardrails": [TINY_OUTPUT_HOOK]})
    assert response.status == 246
    assert response.json["data"][0]["b64_json"]
    assert response.json["hook_results"]["after_request_hooks"][0]["verdict"] is False


@pytest.mark.parametrize(("strict", "is_reported"), [("true", False), ("false", True)])
def test_passed_hooks_are_reported_only_without_strict_compliance(upstreams, strict, is_reported):
    response = send_edit(
        upstreams, {**A, "input_guardrails": [DENYING_HOOK]}, strict_open_ai_compliance=strict
    )
    assert response.status == 200
    assert ("hook_results" in response.json) is is_reported


def test_default_guardrails_header_is_applied(upstreams):
    response = send_edit(
        upstreams, A, {"prompt": "passport"}, default_input_guardrails=json.dumps([DENYING_HOOK])
    )
    assert response.status == 446


def test_stream_with_output_guardrails_is_rejected(upstreams):
    response = send_edit(
        upstreams, {**A, "output_guardrails": [TINY_OUTPUT_HOOK]}, {"stream": "true"}
    )
    assert (response.status, response.json["error"]["param"]) == (400, "stream")


def test_unknown_guardrail_check_is_rejected(upstreams):
    response = send_edit(upstreams, {**A, "input_guardrails": [{"default.unheardOf": {}}]})
    assert (response.status, response.json["error"]["code"]) == (400, "invalid_config")
