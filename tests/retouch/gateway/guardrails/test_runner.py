"""Tests of the outcome of hooks: passed, failed or denied, and the form of the report."""

import orjson

from retouch.gateway.guardrails.config import read_guardrails
from retouch.gateway.guardrails.runner import run_hooks
from retouch.gateway.guardrails.types import CheckError, GuardrailInput

GUN_INPUT = GuardrailInput("a gun")
NO_GUNS_HOOK = {"contains": {"words": ["gun"], "operator": "none"}, "id": "guns"}
SHORT_HOOK = {"characterCount": {"maxCharacters": 100}, "id": "short"}
WEBHOOK_HOOK = {"webhook": {"webhookURL": "https://a.example/x"}, "id": "hook"}


def run_hook_config(hooks, subject, remote_services):
    return run_hooks(
        read_guardrails({"input_guardrails": hooks}).before, subject, remote_services.clients()
    )


def test_run_without_hooks_passes(remote_services):
    report = run_hooks((), GUN_INPUT, remote_services.clients())
    assert (report.passed, report.denied, report.results) == (True, False, [])


def test_run_passes_when_all_hooks_pass(remote_services):
    report = run_hook_config(
        [{**NO_GUNS_HOOK, "deny": True}, SHORT_HOOK], GuardrailInput("a rose"), remote_services
    )
    assert (report.passed, report.denied) == (True, False)
    assert [result["verdict"] for result in report.results] == [True, True]


def test_failing_hook_without_deny_fails_but_does_not_deny(remote_services):
    report = run_hook_config([NO_GUNS_HOOK, SHORT_HOOK], GUN_INPUT, remote_services)
    assert (report.passed, report.denied) == (False, False)
    assert [result["verdict"] for result in report.results] == [False, True]


def test_failing_hook_with_deny_denies(remote_services):
    report = run_hook_config(
        [{**NO_GUNS_HOOK, "deny": True}, SHORT_HOOK], GUN_INPUT, remote_services
    )
    assert (report.passed, report.denied) == (False, True)


def test_passing_deny_hook_does_not_deny_for_another_failing_hook(remote_services):
    report = run_hook_config(
        [NO_GUNS_HOOK, {**SHORT_HOOK, "deny": True}], GUN_INPUT, remote_services
    )
    assert (report.passed, report.denied) == (False, False)


def test_failing_check_fails_its_hook(remote_services):
    report = run_hook_config([{**SHORT_HOOK, **NO_GUNS_HOOK}], GUN_INPUT, remote_services)
    (result,) = report.results
    assert [check["verdict"] for check in result["checks"]] == [True, False]
    assert result["verdict"] is False


def test_async_hook_does_not_change_result_and_is_reported_separately(remote_services):
    report = run_hook_config(
        [{**NO_GUNS_HOOK, "async": True}, SHORT_HOOK], GUN_INPUT, remote_services
    )
    assert (report.passed, report.denied) == (True, False)
    assert [result["id"] for result in report.results] == ["short"]
    assert [(result["id"], result["verdict"]) for result in report.async_results] == [
        ("guns", False)
    ]


def test_hook_result_has_portkey_form(remote_services):
    hook = {**WEBHOOK_HOOK, "deny": True, "on_success": {"feedback": {"value": 5, "weight": 1}}}
    (result,) = run_hook_config([hook], GUN_INPUT, remote_services).results
    assert orjson.loads(orjson.dumps(result)) == {
        "verdict": True,
        "id": "hook",
        "transformed": False,
        "checks": [
            {
                "data": {
                    "explanation": "The webhook accepts the edit.",
                    "responseData": None,
                },
                "verdict": True,
                "id": "default.webhook",
                "execution_time": 250,
                "transformed": False,
                "error": None,
            }
        ],
        "feedback": {
            "value": 5,
            "weight": 1,
            "metadata": {
                "successfulChecks": "default.webhook",
                "failedChecks": "",
                "erroredChecks": "",
            },
        },
        "execution_time": 250,
        "async": False,
        "type": "guardrail",
        "created_at": "2026-11-22T06:00:00Z",
        "deny": True,
    }


def test_failed_hook_reports_on_fail_feedback(remote_services):
    hook = {**NO_GUNS_HOOK, **SHORT_HOOK, "on_fail": {"feedback": {"value": -2, "weight": 0.5}}}
    (result,) = run_hook_config([hook], GUN_INPUT, remote_services).results
    assert (result["feedback"]["value"], result["feedback"]["weight"]) == (-2, 0.5)
    assert result["feedback"]["metadata"] == {
        "successfulChecks": "default.characterCount",
        "failedChecks": "default.contains",
        "erroredChecks": "",
    }


def test_check_without_verdict_fails(remote_services):
    remote_services.webhook_response = CheckError("There is no response.")
    report = run_hook_config([{**WEBHOOK_HOOK, "deny": True}], GUN_INPUT, remote_services)
    assert report.denied
    (check,) = report.results[0]["checks"]
    assert check["error"] == {"name": "Check error", "message": "There is no response."}
    assert report.results[0]["feedback"]["metadata"]["erroredChecks"] == "default.webhook"


def test_check_without_verdict_passes_with_fail_open(remote_services):
    remote_services.webhook_response = CheckError("There is no response.")
    for spelling in ("failOpen", "fail_open"):
        hook = {"webhook": {"webhookURL": "https://a.example/x", spelling: True}, "deny": True}
        report = run_hook_config([hook], GUN_INPUT, remote_services)
        assert report.passed
        assert report.results[0]["checks"][0]["error"]["message"] == "There is no response."


def test_negative_verdict_denies_despite_fail_open(remote_services):
    remote_services.webhook_response = b'{"verdict": false}'
    hook = {"webhook": {"webhookURL": "https://a.example/x", "failOpen": True}, "deny": True}
    assert run_hook_config([hook], GUN_INPUT, remote_services).denied
