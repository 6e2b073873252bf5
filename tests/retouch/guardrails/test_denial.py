from retouch.guardrails import HooksFailed, Subject, judge, read
from retouch.wire.answer import envelope

WORDS = {"words": ["gun"], "operator": "none"}


def results(elsewhere, hooks, prompt="a gun"):
    found = read({"input_guardrails": hooks})
    return judge(found.before, Subject(prompt), elsewhere.tools()).results


def test_a_denial_in_portkeys_form(elsewhere):
    before = results(elsewhere, [{"id": "guns", "contains": WORDS, "deny": True}])
    fault = HooksFailed(before)
    assert (fault.status, fault.billed, fault.should_retry) == (446, "no", False)
    error = envelope(fault)
    assert {**error, "message": ""} == {
        "message": "",
        "type": "hooks_failed",
        "param": None,
        "code": None,
    }
    assert "'guns'" in error["message"]
    assert "The text contains 1 of 1 words" in error["message"]
    assert fault.beside == {
        "hook_results": {"before_request_hooks": before, "after_request_hooks": []}
    }


def test_the_sentence_names_only_what_denies(elsewhere):
    hooks = [
        {"id": "log", "characterCount": {"maxCharacters": 1}},
        {"id": "guns", "contains": WORDS, "wordCount": {"minWords": 1}, "deny": True},
        {"id": "fine", "wordCount": {"minWords": 1}, "deny": True},
    ]
    message = str(HooksFailed(results(elsewhere, hooks)))
    assert "'guns'" in message
    assert not any(other in message for other in ("log", "fine", "characters"))


def test_denied_results_were_bought(elsewhere):
    before = results(elsewhere, [{"id": "guns", "contains": WORDS}], "a rose")
    after = results(elsewhere, [{"id": "late", "contains": WORDS, "deny": True}])
    fault = HooksFailed(before, after, billed="yes")
    assert (fault.billed, fault.should_retry) == ("yes", False)
    assert fault.beside["hook_results"]["after_request_hooks"] == after
