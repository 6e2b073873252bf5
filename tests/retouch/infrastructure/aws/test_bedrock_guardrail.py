"""Tests of ApplyGuardrail requests, sent by boto3 to a local server."""

import logging

import pytest

from retouch.core.clock import SystemClock
from retouch.gateway.guardrails.config import read_guardrails
from retouch.gateway.guardrails.runner import run_hooks
from retouch.gateway.guardrails.types import (
    BedrockGuardrailRequest,
    CheckError,
    GuardrailClients,
    GuardrailInput,
)
from retouch.infrastructure.aws.bedrock_guardrail import BedrockGuardrailClient
from retouch.infrastructure.aws.clients import AwsClients
from tests.support.upstream import ScriptedResponse, Upstream, json_response

GUARDRAIL_REQUEST = BedrockGuardrailRequest("abc1", "3", "Make the sky blue", "eu-west-1")
NO_INTERVENTION = json_response({"usage": {}, "action": "NONE", "outputs": [], "assessments": []})


@pytest.fixture(autouse=True)
def role(monkeypatch, tmp_path):
    """Set role credentials as Lambda does, and hide all other credentials."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-2")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    for name in ("AWS_BEARER_TOKEN_BEDROCK", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)


def test_guardrail_request_sends_only_text_to_configured_guardrail():
    with Upstream(NO_INTERVENTION) as server:
        assert (
            BedrockGuardrailClient(AwsClients(), server.url)(GUARDRAIL_REQUEST)["action"] == "NONE"
        )
    (received,) = server.received
    assert received.path == "/guardrail/abc1/version/3/apply"
    assert received.json() == {
        "source": "INPUT",
        "content": [{"text": {"text": "Make the sky blue"}}],
    }
    assert "/eu-west-1/bedrock/aws4_request" in received.headers["authorization"]


def test_request_without_region_uses_function_region():
    with Upstream(NO_INTERVENTION) as server:
        BedrockGuardrailClient(AwsClients(), server.url)(
            BedrockGuardrailRequest("abc1", "DRAFT", "x")
        )
    assert "/us-east-2/bedrock/aws4_request" in server.received[0].headers["authorization"]


def test_guardrail_intervention_denies_request():
    filters = [{"type": "VIOLENCE", "confidence": "HIGH", "action": "BLOCKED"}]
    response = json_response(
        {
            "usage": {},
            "action": "GUARDRAIL_INTERVENED",
            "outputs": [{"text": "Sorry."}],
            "assessments": [{"contentPolicy": {"filters": filters}}],
        }
    )
    check = {"guardrailId": "abc1", "guardrailVersion": "1"}
    hooks = read_guardrails({"input_guardrails": [{"bedrock.guard": check, "deny": True}]}).before
    with Upstream(response) as server:
        clients = GuardrailClients(
            lambda request: b"", BedrockGuardrailClient(AwsClients(), server.url), SystemClock()
        )
        report = run_hooks(hooks, GuardrailInput("a fight"), clients)
    assert report.denied
    (check_result,) = report.results[0]["checks"]
    assert check_result["data"]["policies"] == ["contentPolicy"]
    assert (
        check_result["data"]["explanation"] == "Bedrock Guardrails reject the text: contentPolicy."
    )


@pytest.mark.parametrize(
    ("response", "calls"),
    [
        (
            json_response(
                {"message": "not yours"}, 403, **{"x-amzn-errortype": "AccessDeniedException"}
            ),
            1,
        ),
        (json_response({"message": "broken"}, 500), 2),
        (ScriptedResponse(network_failure="reset"), 2),
    ],
)
def test_bedrock_failure_raises_check_error_and_is_only_logged(response, calls, caplog):
    caplog.set_level(logging.WARNING, "retouch")
    with Upstream(response) as server, pytest.raises(CheckError) as exc_info:
        BedrockGuardrailClient(AwsClients(), server.url)(GUARDRAIL_REQUEST)
    assert str(exc_info.value).startswith("Bedrock Guardrails gave no verdict.")
    assert "not yours" not in str(exc_info.value)
    assert "a guardrail was not applied" in caplog.text
    assert len(server.received) == calls


def test_missing_credentials_raise_check_error_without_request(monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with Upstream(NO_INTERVENTION) as server, pytest.raises(CheckError):
        BedrockGuardrailClient(AwsClients(), server.url)(GUARDRAIL_REQUEST)
    assert server.received == []


def test_bedrock_clients_are_cached_per_region():
    with Upstream(NO_INTERVENTION) as server:
        aws = AwsClients()
        guardrail = BedrockGuardrailClient(aws, server.url)
        for region in ("eu-west-1", "eu-west-1", "us-east-1"):
            guardrail(BedrockGuardrailRequest("abc1", "3", "x", region))
        assert len(aws._clients) == 2


def test_clients_of_many_regions_are_not_all_kept():
    factory = AwsClients()
    for number in range(40):
        region = f"zz-{chr(97 + number // 26)}{chr(97 + number % 26)}-1"
        factory.client("bedrock-runtime", region=region)
    assert len(factory._clients) == 16
    kept = factory.client("bedrock-runtime", region=region)
    assert factory.client("bedrock-runtime", region=region) is kept


@pytest.mark.parametrize("region", ["zz-abc-1", "us-east-9", "eu-nowhere-1"])
def test_region_that_does_not_exist_gets_no_client(region):
    factory = AwsClients()
    with pytest.raises(CheckError, match="There is no AWS region"):
        BedrockGuardrailClient(factory)(BedrockGuardrailRequest("abc1", "3", "x", region))
    assert factory._clients == {}
