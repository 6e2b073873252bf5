"""ApplyGuardrail as boto3 sends it, to a stand-in on a socket."""

import logging

import pytest

from retouch.clock import SystemClock
from retouch.edges.aws.bedrock_guardrail import BedrockGuardrail
from retouch.edges.aws.session import Aws
from retouch.guardrails import CheckError, Review, Subject, Tools, judge, read
from tests.support.upstream import Answer, Upstream, as_json

REVIEW = Review("abc1", "3", "Make the sky blue", "eu-west-1")
FINE = as_json({"usage": {}, "action": "NONE", "outputs": [], "assessments": []})


@pytest.fixture(autouse=True)
def role(monkeypatch, tmp_path):
    """A role as a function has it, and no other credentials within reach."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-2")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    for name in ("AWS_BEARER_TOKEN_BEDROCK", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)


def test_the_text_goes_to_the_guardrail_and_nothing_else():
    with Upstream(FINE) as server:
        assert BedrockGuardrail(Aws(), server.url)(REVIEW)["action"] == "NONE"
    (received,) = server.received
    assert received.path == "/guardrail/abc1/version/3/apply"
    assert received.json() == {
        "source": "INPUT",
        "content": [{"text": {"text": "Make the sky blue"}}],
    }
    assert "/eu-west-1/bedrock/aws4_request" in received.headers["authorization"]


def test_without_a_region_the_functions_own_is_asked():
    with Upstream(FINE) as server:
        BedrockGuardrail(Aws(), server.url)(Review("abc1", "DRAFT", "x"))
    assert "/us-east-2/bedrock/aws4_request" in server.received[0].headers["authorization"]


def test_an_intervention_denies():
    filters = [{"type": "VIOLENCE", "confidence": "HIGH", "action": "BLOCKED"}]
    answer = as_json(
        {
            "usage": {},
            "action": "GUARDRAIL_INTERVENED",
            "outputs": [{"text": "Sorry."}],
            "assessments": [{"contentPolicy": {"filters": filters}}],
        }
    )
    check = {"guardrailId": "abc1", "guardrailVersion": "1"}
    hooks = read({"input_guardrails": [{"bedrock.guard": check, "deny": True}]}).before
    with Upstream(answer) as server:
        tools = Tools(lambda letter: b"", BedrockGuardrail(Aws(), server.url), SystemClock())
        report = judge(hooks, Subject("a fight"), tools)
    assert report.denied
    (found,) = report.results[0]["checks"]
    assert found["data"]["policies"] == ["contentPolicy"]
    assert found["data"]["explanation"] == "Bedrock Guardrails object to the text: contentPolicy."


@pytest.mark.parametrize(
    ("answer", "calls"),
    [
        (
            as_json({"message": "not yours"}, 403, **{"x-amzn-errortype": "AccessDeniedException"}),
            1,
        ),
        (as_json({"message": "broken"}, 500), 2),
        (Answer(fault="reset"), 2),
    ],
)
def test_failures_are_no_verdict_and_stay_in_the_log(answer, calls, caplog):
    caplog.set_level(logging.WARNING, "retouch")
    with Upstream(answer) as server, pytest.raises(CheckError) as failed:
        BedrockGuardrail(Aws(), server.url)(REVIEW)
    assert str(failed.value).startswith("Bedrock Guardrails gave no verdict.")
    assert "not yours" not in str(failed.value)
    assert "a guardrail was not applied" in caplog.text
    assert len(server.received) == calls


def test_without_credentials_there_is_no_verdict(monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with Upstream(FINE) as server, pytest.raises(CheckError):
        BedrockGuardrail(Aws(), server.url)(REVIEW)
    assert server.received == []


def test_clients_are_kept_by_region():
    with Upstream(FINE) as server:
        aws = Aws()
        guardrail = BedrockGuardrail(aws, server.url)
        for region in ("eu-west-1", "eu-west-1", "us-east-1"):
            guardrail(Review("abc1", "3", "x", region))
        assert len(aws._clients) == 2
