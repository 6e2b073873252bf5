"""Tests that pass every hostile event and field mapping to the real handler, with a provider that counts calls."""

import base64

import pytest

from tests.cases.multipart import body_bytes, cases, matching_codes
from tests.support.events import proxy_event
from tests.support.gateway_client import send_event
from tests.support.images import b64, photo
from tests.support.upstream import Upstream, json_response

CASES = cases("event", "fields")
# Errors that are found after the request was parsed. These cases do not cover them.
ERRORS_AFTER_PARSING = {
    "missing_required_parameter",
    "unknown_parameter",
    "empty_image_file",
    "mask_full",
}


@pytest.fixture
def upstream():
    with Upstream(json_response({"data": [{"b64_json": b64(photo())}]})) as server:
        yield server


def environment(upstream):
    return {
        "RETOUCH_DEFAULT_MODEL": "azure-openai/m",
        "AZURE_OPENAI_API_KEY": "k",
        "AZURE_OPENAI_ENDPOINT": upstream.url,
    }


def build_event(case):
    if "event" in case:
        return case["event"]
    # The bodies name the model "m". A provider with operator-named deployments accepts any name.
    headers = {"x-portkey-provider": "azure-openai"}
    return proxy_event(case["content_type"], body_bytes(case["body"]), headers)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_hostile_event_is_accepted_or_rejected_as_expected(case, upstream):
    response = send_event(build_event(case), environment(upstream))
    if response.status == 200:
        assert case["expect"] != "error"
        check_provider_request(case.get("normalised", {}), upstream.calls[0])
        return
    error = response.json["error"]
    assert 400 <= response.status < 500, error
    assert upstream.calls == []
    if case["expect"] != "error" and error["code"] in ERRORS_AFTER_PARSING:
        return
    assert case["expect"] != "parse", error
    assert error["code"] in matching_codes(case["errors_any_of"]), error
    assert error["param"] == case.get("param", error["param"])
    assert response.status in case.get("status", [response.status])
    mentioned = case.get("message_should_mention", [""])
    assert any(word.lower() in error["message"].lower() for word in mentioned)


def check_provider_request(expected, call):
    images = [part for part in call.files if part[0].startswith("image")]
    assert len(images) == expected.get("images", len(images))
    assert [mime for _, _, mime, _ in images] == expected.get(
        "sniffed", [m for _, _, m, _ in images]
    )
    assert (len(call.files) > len(images)) == expected.get("mask", len(call.files) > len(images))
    for name in expected.keys() & {"n", "size", "prompt"}:
        assert call.fields[name] == str(expected[name])


def test_image_order_of_form_is_kept(upstream):
    (case,) = [c for c in CASES if c["id"] == "mp-130"]
    send_event(build_event(case), environment(upstream))
    body = body_bytes(case["body"])
    places = [body.index(data) for *_, data in upstream.calls[0].files]
    assert places == sorted(places)


def test_invalid_base64_body_is_rejected(upstream):
    invalid_event = proxy_event("multipart/form-data; boundary=x", b"--x\r\n")
    invalid_event["body"] = base64.b64encode(b"--x--").decode() + "!"
    assert send_event(invalid_event, {}).json["error"]["code"] == "invalid_base64"
