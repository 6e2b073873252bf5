from retouch.api.response.errors import error_envelope
from retouch.gateway.guardrails.config import read_guardrails
from retouch.gateway.guardrails.runner import HooksFailed, run_hooks
from retouch.gateway.guardrails.types import GuardrailInput

WORDS = {"words": ["gun"], "operator": "none"}


def hook_results(remote_services, hooks, prompt="a gun"):
    hooks_of_config = read_guardrails({"input_guardrails": hooks})
    return run_hooks(
        hooks_of_config.before, GuardrailInput(prompt), remote_services.clients()
    ).results


def test_denied_request_has_portkey_error_form(remote_services):
    before = hook_results(remote_services, [{"id": "guns", "contains": WORDS, "deny": True}])
    fault = HooksFailed(before)
    assert (fault.status, fault.billed, fault.should_retry) == (446, "no", False)
    error = error_envelope(fault)
    assert {**error, "message": ""} == {
        "message": "",
        "type": "hooks_failed",
        "param": None,
        "code": None,
    }
    assert "'guns'" in error["message"]
    assert "The text contains 1 of 1 words" in error["message"]
    assert fault.extra_body == {
        "hook_results": {"before_request_hooks": before, "after_request_hooks": []}
    }


def test_denial_message_names_only_denying_hooks(remote_services):
    hooks = [
        {"id": "log", "characterCount": {"maxCharacters": 1}},
        {"id": "guns", "contains": WORDS, "wordCount": {"minWords": 1}, "deny": True},
        {"id": "fine", "wordCount": {"minWords": 1}, "deny": True},
    ]
    message = str(HooksFailed(hook_results(remote_services, hooks)))
    assert "'guns'" in message
    assert not any(other in message for other in ("log", "fine", "characters"))


def test_denied_result_is_reported_as_billed(remote_services):
    before = hook_results(remote_services, [{"id": "guns", "contains": WORDS}], "a rose")
    after = hook_results(remote_services, [{"id": "late", "contains": WORDS, "deny": True}])
    fault = HooksFailed(before, after, billed="yes")
    assert (fault.billed, fault.should_retry) == ("yes", False)
    assert fault.extra_body["hook_results"]["after_request_hooks"] == after
