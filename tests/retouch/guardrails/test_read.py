"""Reading hooks: both forms, and everything that is refused by name."""

import pytest

from retouch.guardrails import Subject, judge, read
from retouch.routing.problems import InvalidConfig

CONTAINS = {"words": ["gun"], "operator": "none"}
FULL = {
    "type": "guardrail",
    "id": "no_guns",
    "checks": [{"id": "default.contains", "parameters": CONTAINS}],
    "deny": True,
    "async": False,
    "sequential": True,
    "on_success": {"feedback": {"value": 1, "weight": 1}},
    "on_fail": {"feedback": {"value": -1, "weight": 0.5}},
}


def test_a_full_hook():
    (hook,) = read({"before_request_hooks": [FULL]}).before
    assert (hook.id, hook.deny, hook.observes) == ("no_guns", True, False)
    assert [check.id for check in hook.checks] == ["default.contains"]
    assert (hook.on_success.value, hook.on_fail.value, hook.on_fail.weight) == (1, -1, 0.5)


def test_a_short_hook_is_named_by_its_place():
    found = read({"input_guardrails": [{"default.contains": CONTAINS, "deny": True}]})
    (hook,) = found.before
    assert (hook.id, hook.deny) == ("config.input_guardrails[0]", True)
    assert [check.id for check in hook.checks] == ["default.contains"]


def test_a_short_name_means_a_default_check():
    (hook,) = read({"input_guardrails": [{"contains": CONTAINS}]}).before
    assert hook.checks[0].id == "default.contains"


def test_either_form_stands_in_either_place():
    found = read({"input_guardrails": [FULL], "before_request_hooks": [{"contains": CONTAINS}]})
    assert [hook.id for hook in found.before] == ["config.before_request_hooks[0]", "no_guns"]


def test_headers_hooks_come_before_the_configs():
    output = {"retouch.output": {"formats": ["png"]}}
    found = read(
        {
            "output_guardrails": [{**output, "id": "config"}],
            "default_output_guardrails": [{**output, "id": "header"}],
            "default_input_guardrails": [FULL],
        }
    )
    assert [hook.id for hook in found.after] == ["header", "config"]
    assert [hook.id for hook in found.before] == ["no_guns"]


def test_no_hooks_are_no_guardrails():
    found = read({})
    assert (found.before, found.after, found.looks_at_pixels) == ((), (), False)


def test_only_not_blank_wants_results_decoded():
    plain = {"formats": ["png"]}
    assert not read({"output_guardrails": [{"retouch.output": plain}]}).looks_at_pixels
    blank = {**plain, "notBlank": True}
    assert read({"output_guardrails": [{"retouch.output": blank}]}).looks_at_pixels


@pytest.mark.parametrize(
    "hook",
    [
        {"contains": {**CONTAINS, "is_enabled": False}},
        {"checks": [{"id": "contains", "parameters": CONTAINS, "is_enabled": False}]},
    ],
)
def test_a_check_that_is_switched_off_is_not_run(hook, elsewhere):
    found = read({"input_guardrails": [{**hook, "deny": True}]})
    report = judge(found.before, Subject("a gun"), elsewhere.tools())
    assert report.passed
    assert report.results[0]["checks"] == []


@pytest.mark.parametrize(
    ("hook", "said"),
    [
        ("pg-abc", "names the saved guardrail 'pg-abc'"),
        ({"id": "pg-abc"}, "names the saved guardrail 'pg-abc'"),
        ({}, "has no checks"),
        ({"checks": []}, "has no checks"),
        ({"deny": True}, "has no checks"),
        ({"checks": [{"parameters": {}}]}, "checks[0] needs 'id'"),
        ({"checks": {"id": "x"}}, "must be a list"),
        ({"type": "mutator", "contains": CONTAINS}, "must be one of guardrail"),
        ({"contains": CONTAINS, "deny": "yes"}, "deny must be true or false"),
        ({"contains": CONTAINS, "deny": True, "async": True}, "both deny and async"),
        ({"contains": CONTAINS, "denny": True}, "denny must be an object"),
        ({"contains": CONTAINS, "denny": {}}, "'default.denny', no check that is known"),
        ({**FULL, "denny": True}, "denny is not known"),
        ({"portkey.gibberish": {}}, "'portkey.gibberish', no check that is known: use one of def"),
        ({"contains": {**CONTAINS, "wrods": []}}, "contains.wrods is not known"),
        ({"contains": None}, "must be an object"),
        ({"contains": {**CONTAINS, "failOpen": True}}, "failOpen is not known"),
        ({"retouch.output": {"formats": ["png"]}}, "can only look after the edit"),
        ({**FULL, "on_fail": {"feedback": {"value": 99}}}, "value must be from -10 to 10"),
        ({**FULL, "on_fail": {"feedbak": {}}}, "feedbak is not known"),
        ({**FULL, "on_fail": {"feedback": {"valeu": 1}}}, "valeu is not known"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_name(hook, said):
    with pytest.raises(InvalidConfig) as no:
        read({"input_guardrails": [hook]})
    assert str(no.value).startswith("Invalid config passed: config.input_guardrails")
    assert said in str(no.value)


@pytest.mark.parametrize("hooks", [{"input_guardrails": {"a": 1}}, {"input_guardrails": "x"}])
def test_hooks_must_be_lists(hooks):
    with pytest.raises(InvalidConfig, match="input_guardrails must be a list"):
        read(hooks)


def test_a_place_that_does_not_exist_is_refused():
    with pytest.raises(InvalidConfig, match=r"config\.targets\[0\]\.input_gaurdrails is not known"):
        read({"input_gaurdrails": []}, "config.targets[0]")


def test_a_check_of_the_prompt_cannot_look_at_results():
    with pytest.raises(InvalidConfig, match="can only look before the edit"):
        read({"output_guardrails": [{"contains": CONTAINS}]})


def test_24_checks_are_read_and_25_refused():
    one = {"id": "contains", "parameters": CONTAINS}
    hooks = [{"checks": [one] * 12}]
    assert len(read({"input_guardrails": hooks * 2}).before) == 2
    with pytest.raises(InvalidConfig, match="has 25 checks; at most 24"):
        read({"input_guardrails": [*hooks, *hooks, {"checks": [one]}]})


def test_4_checks_elsewhere_are_read_and_5_refused():
    hook = {"webhook": {"webhookURL": "https://a.example/x"}}
    assert len(read({"input_guardrails": [hook] * 4}).before) == 4
    with pytest.raises(InvalidConfig, match="more than 4 checks that are made elsewhere"):
        read({"input_guardrails": [hook] * 4, "output_guardrails": [hook]})


def test_secrets_are_in_no_repr():
    secret = "whsec_" + "QUFB" * 8
    hook = {
        "webhook": {"webhookURL": "https://a.example/x", "secret": secret, "headers": {"A": "tok"}}
    }
    shown = repr(read({"input_guardrails": [hook]}))
    assert secret not in shown
    assert "tok" not in shown
