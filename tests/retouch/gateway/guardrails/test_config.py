"""Tests of reading hooks: both forms, and every error with the name of its cause."""

import pytest

from retouch.gateway.config_reader import InvalidConfig
from retouch.gateway.guardrails.config import read_guardrails
from retouch.gateway.guardrails.runner import run_hooks
from retouch.gateway.guardrails.types import GuardrailInput

CONTAINS_PARAMETERS = {"words": ["gun"], "operator": "none"}
FULL_HOOK = {
    "type": "guardrail",
    "id": "no_guns",
    "checks": [{"id": "default.contains", "parameters": CONTAINS_PARAMETERS}],
    "deny": True,
    "async": False,
    "sequential": True,
    "on_success": {"feedback": {"value": 1, "weight": 1}},
    "on_fail": {"feedback": {"value": -1, "weight": 0.5}},
}


def test_hook_in_full_form_is_read():
    (hook,) = read_guardrails({"before_request_hooks": [FULL_HOOK]}).before
    assert (hook.id, hook.deny, hook.is_async) == ("no_guns", True, False)
    assert [check.id for check in hook.checks] == ["default.contains"]
    assert (hook.on_success.value, hook.on_fail.value, hook.on_fail.weight) == (1, -1, 0.5)


def test_hook_in_short_form_has_its_path_as_id():
    hooks = read_guardrails(
        {"input_guardrails": [{"default.contains": CONTAINS_PARAMETERS, "deny": True}]}
    )
    (hook,) = hooks.before
    assert (hook.id, hook.deny) == ("config.input_guardrails[0]", True)
    assert [check.id for check in hook.checks] == ["default.contains"]


def test_check_name_without_prefix_means_default_check():
    (hook,) = read_guardrails({"input_guardrails": [{"contains": CONTAINS_PARAMETERS}]}).before
    assert hook.checks[0].id == "default.contains"


def test_both_hook_forms_are_read_under_both_keys():
    hooks = read_guardrails(
        {
            "input_guardrails": [FULL_HOOK],
            "before_request_hooks": [{"contains": CONTAINS_PARAMETERS}],
        }
    )
    assert [hook.id for hook in hooks.before] == ["config.before_request_hooks[0]", "no_guns"]


def test_header_hooks_come_before_config_hooks():
    output = {"retouch.output": {"formats": ["png"]}}
    hooks = read_guardrails(
        {
            "output_guardrails": [{**output, "id": "config"}],
            "default_output_guardrails": [{**output, "id": "header"}],
            "default_input_guardrails": [FULL_HOOK],
        }
    )
    assert [hook.id for hook in hooks.after] == ["header", "config"]
    assert [hook.id for hook in hooks.before] == ["no_guns"]


def test_config_without_hooks_has_no_guardrails():
    hooks = read_guardrails({})
    assert (hooks.before, hooks.after, hooks.needs_pixels) == ((), (), False)


def test_check_for_blank_results_requires_decoded_results():
    plain = {"formats": ["png"]}
    assert not read_guardrails({"output_guardrails": [{"retouch.output": plain}]}).needs_pixels
    blank = {**plain, "notBlank": True}
    assert read_guardrails({"output_guardrails": [{"retouch.output": blank}]}).needs_pixels


@pytest.mark.parametrize(
    "hook",
    [
        {"contains": {**CONTAINS_PARAMETERS, "is_enabled": False}},
        {"checks": [{"id": "contains", "parameters": CONTAINS_PARAMETERS, "is_enabled": False}]},
    ],
)
def test_disabled_check_is_not_run(hook, remote_services):
    hooks = read_guardrails({"input_guardrails": [{**hook, "deny": True}]})
    report = run_hooks(hooks.before, GuardrailInput("a gun"), remote_services.clients())
    assert report.passed
    assert report.results[0]["checks"] == []


@pytest.mark.parametrize(
    ("hook", "message"),
    [
        ("pg-abc", "names the saved guardrail 'pg-abc'"),
        ({"id": "pg-abc"}, "names the saved guardrail 'pg-abc'"),
        ({}, "has no checks"),
        ({"checks": []}, "has no checks"),
        ({"deny": True}, "has no checks"),
        ({"checks": [{"parameters": {}}]}, "checks[0] needs 'id'"),
        ({"checks": {"id": "x"}}, "must be a list"),
        ({"type": "mutator", "contains": CONTAINS_PARAMETERS}, "must be one of guardrail"),
        ({"contains": CONTAINS_PARAMETERS, "deny": "yes"}, "deny must be true or false"),
        ({"contains": CONTAINS_PARAMETERS, "deny": True, "async": True}, "both deny and async"),
        ({"contains": CONTAINS_PARAMETERS, "denny": True}, "denny must be an object"),
        (
            {"contains": CONTAINS_PARAMETERS, "denny": {}},
            "'default.denny', which is not a known check",
        ),
        ({**FULL_HOOK, "denny": True}, "denny is not known"),
        (
            {"portkey.gibberish": {}},
            "'portkey.gibberish', which is not a known check: use one of def",
        ),
        ({"contains": {**CONTAINS_PARAMETERS, "wrods": []}}, "contains.wrods is not known"),
        ({"contains": None}, "must be an object"),
        ({"contains": {**CONTAINS_PARAMETERS, "failOpen": True}}, "failOpen is not known"),
        ({"retouch.output": {"formats": ["png"]}}, "can only run after the edit"),
        ({**FULL_HOOK, "on_fail": {"feedback": {"value": 99}}}, "value must be from -10 to 10"),
        ({**FULL_HOOK, "on_fail": {"feedbak": {}}}, "feedbak is not known"),
        ({**FULL_HOOK, "on_fail": {"feedback": {"valeu": 1}}}, "valeu is not known"),
    ],
)
def test_invalid_hook_raises_invalid_config_naming_the_fault(hook, message):
    with pytest.raises(InvalidConfig) as exc_info:
        read_guardrails({"input_guardrails": [hook]})
    assert str(exc_info.value).startswith("Invalid config passed: config.input_guardrails")
    assert message in str(exc_info.value)


@pytest.mark.parametrize("hooks", [{"input_guardrails": {"a": 1}}, {"input_guardrails": "x"}])
def test_hooks_that_are_no_list_raise_invalid_config(hooks):
    with pytest.raises(InvalidConfig, match="input_guardrails must be a list"):
        read_guardrails(hooks)


def test_unknown_hook_key_raises_invalid_config():
    with pytest.raises(InvalidConfig, match=r"config\.targets\[0\]\.input_gaurdrails is not known"):
        read_guardrails({"input_gaurdrails": []}, "config.targets[0]")


def test_prompt_check_among_output_guardrails_raises_invalid_config():
    with pytest.raises(InvalidConfig, match="can only run before the edit"):
        read_guardrails({"output_guardrails": [{"contains": CONTAINS_PARAMETERS}]})


def test_24_checks_are_read_and_25_raise_invalid_config():
    check = {"id": "contains", "parameters": CONTAINS_PARAMETERS}
    hooks = [{"checks": [check] * 12}]
    assert len(read_guardrails({"input_guardrails": hooks * 2}).before) == 2
    with pytest.raises(InvalidConfig, match="has 25 checks; at most 24"):
        read_guardrails({"input_guardrails": [*hooks, *hooks, {"checks": [check]}]})


def test_4_remote_checks_are_read_and_5_raise_invalid_config():
    hook = {"webhook": {"webhookURL": "https://a.example/x"}}
    assert len(read_guardrails({"input_guardrails": [hook] * 4}).before) == 4
    with pytest.raises(InvalidConfig, match="more than 4 remote checks"):
        read_guardrails({"input_guardrails": [hook] * 4, "output_guardrails": [hook]})


def test_hook_repr_hides_secrets():
    secret = "whsec_" + "QUFB" * 8
    hook = {
        "webhook": {"webhookURL": "https://a.example/x", "secret": secret, "headers": {"A": "tok"}}
    }
    hooks_repr = repr(read_guardrails({"input_guardrails": [hook]}))
    assert secret not in hooks_repr
    assert "tok" not in hooks_repr
