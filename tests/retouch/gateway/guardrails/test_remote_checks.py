"""Tests of requests to remote checks and of their responses. The tests with sockets are in infrastructure/."""

import orjson
import pytest

from retouch.core.credentials.webhook_signature import signing_key
from retouch.core.edit_types import FormText
from retouch.gateway.config_reader import InvalidConfig
from retouch.gateway.guardrails.types import GuardrailInput, ImageMetadata

URL = "https://hooks.example.com/judge?a=b"
SECRET = "whsec_" + "QUJD" * 8
INPUT = GuardrailInput(
    "Make the sky blue",
    other_texts=("no clouds",),
    images=(ImageMetadata("png", 64, 48),),
    mask_coverage=0.25,
    metadata={"_user": "ann"},
    params={"size": FormText("64x48"), "seed": 7, "image_url": "data:" + "A" * 2000, "x": [1]},
    outputs=(ImageMetadata("webp", 32, 24, False),),
)


def run_webhook_check(ask, remote_services, parameters, **options):
    check = ask("webhook", {"webhookURL": URL, **parameters}, INPUT, **options)
    return check, remote_services.webhook_requests[-1]


def test_webhook_body_describes_edit_in_portkey_form(run_check, remote_services):
    _, request = run_webhook_check(run_check, remote_services, {})
    assert (request.url, request.timeout_seconds, request.signing_key, dict(request.headers)) == (
        URL,
        3.0,
        b"",
        {},
    )
    assert orjson.loads(request.body) == {
        "eventType": "beforeRequestHook",
        "requestType": "imageEdit",
        "request": {
            "json": {"size": "64x48", "seed": 7, "prompt": "Make the sky blue"},
            "text": "Make the sky blue\nno clouds",
            "images": [{"format": "png", "width": 64, "height": 48}],
            "maskCoverage": 0.25,
        },
        "response": {
            "json": {},
            "text": "",
            "statusCode": None,
            "images": [{"format": "webp", "width": 32, "height": 24}],
        },
        "metadata": {"_user": "ann"},
    }


def test_webhook_body_after_edit_has_after_request_event_type(run_check, remote_services):
    _, request = run_webhook_check(run_check, remote_services, {}, where="output_guardrails")
    body = orjson.loads(request.body)
    assert (body["eventType"], body["response"]["statusCode"]) == ("afterRequestHook", 200)


def test_webhook_parameters_set_timeout_key_and_headers(run_check, remote_services):
    headers = {"Authorization": "Bearer t", "content-type": "application/json"}
    parameters = {"timeout": 10_000, "secret": SECRET, "headers": headers}
    _, request = run_webhook_check(run_check, remote_services, parameters)
    assert (request.timeout_seconds, request.signing_key) == (10.0, signing_key(SECRET))
    assert request.headers == {"Authorization": "Bearer t"}
    assert SECRET not in repr(request)
    assert "Bearer" not in repr(request)


def test_webhook_headers_can_be_json_text(run_check, remote_services):
    _, request = run_webhook_check(run_check, remote_services, {"headers": '{"X-Team": "web"}'})
    assert request.headers == {"X-Team": "web"}


@pytest.mark.parametrize(
    ("response", "verdict", "data"),
    [
        (b'{"verdict": true}', True, None),
        (b'{"verdict": false, "data": {"why": "no"}}', False, {"why": "no"}),
        (b'{"verdict": true, "data": [1], "other": 1, "transformedData": null}', True, [1]),
    ],
)
def test_webhook_verdict_and_data_are_returned(run_check, remote_services, response, verdict, data):
    remote_services.webhook_response = response
    check, _ = run_webhook_check(run_check, remote_services, {})
    assert (check["verdict"], check["error"]) == (verdict, None)
    assert check["data"]["responseData"] == data


@pytest.mark.parametrize(
    ("response", "message"),
    [
        (b"", "did not respond with JSON"),
        (b"<html>", "did not respond with JSON"),
        (b"[" * 60_000, "did not respond with JSON"),
        (b"\xff\xfe", "did not respond with JSON"),
        (b"[true]", "did not respond with {"),
        (b"{}", "did not respond with {"),
        (b'{"verdict": "true"}', "did not respond with {"),
        (b'{"verdict": 1}', "did not respond with {"),
        (b'{"verdict": null}', "did not respond with {"),
        (b'{"verdict": true, "transformedData": {"request": {}}}', "wants to change the request"),
        (b'{"verdict": true, "data": "' + b"x" * 4_095 + b'"}', "data are larger than 4096"),
    ],
)
def test_invalid_webhook_response_fails_check(run_check, remote_services, response, message):
    remote_services.webhook_response = response
    check, _ = run_webhook_check(run_check, remote_services, {})
    assert check["verdict"] is False
    assert message in check["error"]["message"]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"webhookURL": ""}, "webhookURL cannot be used"),
        ({"webhookURL": "ftp://a.example/"}, "webhookURL cannot be used"),
        ({"webhookURL": "https://user:pw@a.example/"}, "webhookURL cannot be used"),
        ({"timeout": 10_001}, "timeout must be from 100 to 10000"),
        ({"timeout": 99}, "timeout must be from 100 to 10000"),
        ({"secret": "hunter2"}, "secret must be whsec_ and 24 to 64"),
        ({"secret": "whsec_" + "QUJD" * 7}, "secret must be whsec_ and 24 to 64"),
        ({"headers": "{"}, "headers must be an object, or the JSON text of one"),
        ({"headers": "[]x"}, "headers must be an object, or the JSON text of one"),
        ({"headers": ["a"]}, "headers must be an object of at most 20"),
        (
            {"headers": {f"x-{n}": "a" for n in range(21)}},
            "headers must be an object of at most 20",
        ),
        ({"headers": {"Host": "a"}}, "headers must not set 'Host'"),
        ({"headers": {"webhook-signature": "v1,x"}}, "headers must not set 'webhook-signature'"),
        ({"headers": {"Transfer-Encoding": "a"}}, "headers must not set"),
        ({"headers": {"a b": "a"}}, "headers must not set"),
        ({"headers": {"": "a"}}, "headers must not set"),
        ({"headers": {"a": "b\r\nc: d"}}, "printable ASCII"),
        ({"headers": {"a": 1}}, "printable ASCII"),
        ({"headers": {"a": "é"}}, "printable ASCII"),
        ({"retries": 3}, "retries is not known"),
    ],
)
def test_invalid_webhook_parameters_raise_invalid_config(run_check, parameters, message):
    with pytest.raises(InvalidConfig) as exc_info:
        run_check("webhook", {"webhookURL": URL, **parameters})
    assert message in str(exc_info.value)


def test_rejected_webhook_secret_is_not_in_error_message(run_check):
    with pytest.raises(InvalidConfig) as exc_info:
        run_check("webhook", {"webhookURL": URL, "secret": "hunter2"})
    assert "hunter2" not in str(exc_info.value)


def test_bedrock_check_sends_text_and_guardrail_id(run_check, remote_services):
    arn = "arn:aws:bedrock:eu-west-1:123456789012:guardrail/abc1"
    parameters = {"guardrailId": arn, "guardrailVersion": "3", "region": "eu-west-1"}
    assert run_check("bedrock.guard", parameters, INPUT)["verdict"] is True
    (request,) = remote_services.bedrock_requests
    assert (request.guardrail_id, request.version, request.region) == (arn, "3", "eu-west-1")
    assert request.text == "Make the sky blue\nno clouds"


def test_bedrock_check_sends_normalized_text(run_check, remote_services):
    run_check("bedrock.guard", {"guardrailId": "abc1"}, GuardrailInput("Ａ pass\u200bport for Zoë"))
    assert remote_services.bedrock_requests[0].text == "A passport for Zoë"


def test_bedrock_intervention_names_policies_without_matched_text(run_check, remote_services):
    policy = {"piiEntities": [{"match": "Ann Other", "type": "NAME", "action": "BLOCKED"}]}
    remote_services.bedrock_response = {
        "action": "GUARDRAIL_INTERVENED",
        "assessments": [{"sensitiveInformationPolicy": policy, "invocationMetrics": {}}],
    }
    check = run_check("bedrock.guard", {"guardrailId": "abc1"}, INPUT)
    assert (check["verdict"], check["data"]["policies"]) == (False, ["sensitiveInformationPolicy"])
    assert "Ann" not in str(check)
    assert (
        remote_services.bedrock_requests[0].version,
        remote_services.bedrock_requests[0].region,
    ) == ("DRAFT", "")


@pytest.mark.parametrize("response", [{}, {"action": "SOMETHING_NEW"}])
def test_unknown_bedrock_action_fails_check(run_check, remote_services, response):
    remote_services.bedrock_response = response
    check = run_check("bedrock.guard", {"guardrailId": "abc1"})
    assert check["verdict"] is False
    assert "returned no known action" in check["error"]["message"]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "guardrailId does not have AWS's format, or is missing"),
        ({"guardrailId": "../x"}, "guardrailId does not have"),
        ({"guardrailId": "abc", "guardrailVersion": "0"}, "guardrailVersion does not have"),
        ({"guardrailId": "abc", "region": "x.evil.example/"}, "region does not have"),
        ({"guardrailId": "abc", "accessKeyId": "AKIA"}, "accessKeyId is not known"),
        ({"guardrailId": "abc", "credentials": {}}, "credentials is not known"),
    ],
)
def test_invalid_bedrock_parameters_raise_invalid_config(run_check, parameters, message):
    with pytest.raises(InvalidConfig) as exc_info:
        run_check("bedrock.guard", parameters)
    assert message in str(exc_info.value)
