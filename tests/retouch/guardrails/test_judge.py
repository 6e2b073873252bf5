"""What follows from hooks: passed, failed and denied, and the form it is written down in."""

import orjson

from retouch.guardrails import CheckError, Subject, judge, read

GUN = Subject("a gun")
NO_GUNS = {"contains": {"words": ["gun"], "operator": "none"}, "id": "guns"}
SHORT = {"characterCount": {"maxCharacters": 100}, "id": "short"}
HOOK = {"webhook": {"webhookURL": "https://a.example/x"}, "id": "hook"}


def judged(hooks, subject, elsewhere):
    return judge(read({"input_guardrails": hooks}).before, subject, elsewhere.tools())


def test_nothing_to_check_is_passed(elsewhere):
    report = judge((), GUN, elsewhere.tools())
    assert (report.passed, report.denied, report.results) == (True, False, [])


def test_all_passed(elsewhere):
    report = judged([{**NO_GUNS, "deny": True}, SHORT], Subject("a rose"), elsewhere)
    assert (report.passed, report.denied) == (True, False)
    assert [result["verdict"] for result in report.results] == [True, True]


def test_failed_without_deny(elsewhere):
    report = judged([NO_GUNS, SHORT], GUN, elsewhere)
    assert (report.passed, report.denied) == (False, False)
    assert [result["verdict"] for result in report.results] == [False, True]


def test_failed_with_deny(elsewhere):
    report = judged([{**NO_GUNS, "deny": True}, SHORT], GUN, elsewhere)
    assert (report.passed, report.denied) == (False, True)


def test_a_denying_hook_that_passes_denies_nothing_for_one_that_fails(elsewhere):
    report = judged([NO_GUNS, {**SHORT, "deny": True}], GUN, elsewhere)
    assert (report.passed, report.denied) == (False, False)


def test_one_failed_check_fails_its_hook(elsewhere):
    report = judged([{**SHORT, **NO_GUNS}], GUN, elsewhere)
    (result,) = report.results
    assert [check["verdict"] for check in result["checks"]] == [True, False]
    assert result["verdict"] is False


def test_what_only_observes_changes_nothing_and_is_told_apart(elsewhere):
    report = judged([{**NO_GUNS, "async": True}, SHORT], GUN, elsewhere)
    assert (report.passed, report.denied) == (True, False)
    assert [result["id"] for result in report.results] == ["short"]
    assert [(result["id"], result["verdict"]) for result in report.observed] == [("guns", False)]


def test_a_result_in_portkeys_form(elsewhere):
    hook = {**HOOK, "deny": True, "on_success": {"feedback": {"value": 5, "weight": 1}}}
    (result,) = judged([hook], GUN, elsewhere).results
    assert orjson.loads(orjson.dumps(result)) == {
        "verdict": True,
        "id": "hook",
        "transformed": False,
        "checks": [
            {
                "data": {
                    "explanation": "The webhook lets the edit through.",
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


def test_feedback_of_a_failure(elsewhere):
    hook = {**NO_GUNS, **SHORT, "on_fail": {"feedback": {"value": -2, "weight": 0.5}}}
    (result,) = judged([hook], GUN, elsewhere).results
    assert (result["feedback"]["value"], result["feedback"]["weight"]) == (-2, 0.5)
    assert result["feedback"]["metadata"] == {
        "successfulChecks": "default.characterCount",
        "failedChecks": "default.contains",
        "erroredChecks": "",
    }


def test_no_verdict_is_a_failure(elsewhere):
    elsewhere.webhook = CheckError("Nobody is there.")
    report = judged([{**HOOK, "deny": True}], GUN, elsewhere)
    assert report.denied
    (check,) = report.results[0]["checks"]
    assert check["error"] == {"name": "Check error", "message": "Nobody is there."}
    assert report.results[0]["feedback"]["metadata"]["erroredChecks"] == "default.webhook"


def test_no_verdict_passes_where_the_config_says_so(elsewhere):
    elsewhere.webhook = CheckError("Nobody is there.")
    for spelling in ("failOpen", "fail_open"):
        hook = {"webhook": {"webhookURL": "https://a.example/x", spelling: True}, "deny": True}
        report = judged([hook], GUN, elsewhere)
        assert report.passed
        assert report.results[0]["checks"][0]["error"]["message"] == "Nobody is there."


def test_fail_open_does_not_turn_a_no_into_a_yes(elsewhere):
    elsewhere.webhook = b'{"verdict": false}'
    hook = {"webhook": {"webhookURL": "https://a.example/x", "failOpen": True}, "deny": True}
    assert judged([hook], GUN, elsewhere).denied
