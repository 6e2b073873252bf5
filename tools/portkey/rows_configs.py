"""Rows of configs: who is asked."""

from tools.portkey.row import GOOD, Expect, Row, failing

_A = {"provider": "openai", "api_key": "sk-a"}
_B = {"provider": "openai", "api_key": "sk-b"}
_LAST = "x-portkey-last-used-option-index"
_RETRIES = "x-portkey-retry-attempt-count"
_BY_B = Expect(200, 2, {_LAST: "config.targets[1]"}, sent={"authorization": "Bearer sk-b"})
_ONLY_A = {_LAST: "config.targets[0]"}


def _fallback(**strategy: object) -> dict[str, object]:
    return {"strategy": {"mode": "fallback", **strategy}, "targets": [_A, _B]}


def _named(query: object, **more: object) -> dict[str, object]:
    conditions = [{"query": query, "then": "b"}]
    return {
        "strategy": {"mode": "conditional", "conditions": conditions, **more},
        "targets": [{**_A, "name": "a"}, {**_B, "name": "b"}],
    }


CONFIGS = (
    Row(
        "inline config with provider and key",
        "the config pays",
        Expect(headers={_LAST: "config"}, sent={"authorization": "Bearer sk-a"}),
        headers={},
        config=_A,
    ),
    Row(
        "saved config `pc-photos`",
        "read from the operator's bucket; the open gateway takes JSON only",
        Expect(sent={"authorization": "Bearer sk-saved"}),
        Expect(400, 0),
        "better",
        headers={},
        config="pc-photos",
    ),
    Row(
        "fallback whose second target names an unknown guardrail",
        "refused before the first target is asked; there the guardrail counts for nothing",
        Expect(400, 0, body={"error.code": "invalid_config"}),
        Expect(),
        "better",
        headers={},
        config={
            "strategy": {"mode": "fallback"},
            "targets": [_A, {**_B, "input_guardrails": [{"default.unheardOf": {}, "id": "x"}]}],
        },
    ),
    Row("config that is no JSON", "400, nothing is sent", Expect(400, 0), config="{oops"),
    Row(
        "config with an unknown mode",
        "400, nothing is sent",
        Expect(400, 0),
        headers={},
        config={"strategy": {"mode": "roulette"}, "targets": [_A]},
    ),
    Row(
        "fallback, upstream 429",
        "the second target is asked",
        _BY_B,
        headers={},
        config=_fallback(),
        answers=(failing(429), GOOD),
    ),
    Row(
        "fallback on_status_codes [429], upstream 429",
        "the second target is asked",
        _BY_B,
        headers={},
        config=_fallback(on_status_codes=[429]),
        answers=(failing(429), GOOD),
    ),
    Row(
        "fallback on_status_codes [429], upstream 500",
        "not listed, so it stays; 502 says that the provider failed and not the gateway",
        Expect(502, 1, _ONLY_A),
        Expect(500, 1, _ONLY_A),
        "better",
        headers={},
        config=_fallback(on_status_codes=[429]),
        answers=(failing(500), GOOD),
    ),
    Row(
        "fallback, upstream 400",
        "a wrong request is not sent to a second provider",
        Expect(400, 1, _ONLY_A),
        _BY_B,
        "better",
        headers={},
        config=_fallback(),
        answers=(failing(400), GOOD),
    ),
    Row(
        "fallback on_status_codes [400], upstream 400",
        "listed, so the second target is asked",
        _BY_B,
        headers={},
        config=_fallback(on_status_codes=[400]),
        answers=(failing(400), GOOD),
    ),
    Row(
        "fallback, upstream refuses the content",
        "a refusal is not taken to a second provider unless `on_content_refusal` says so",
        Expect(400, 1, _ONLY_A, {"error.code": "moderation_blocked"}),
        _BY_B,
        "better",
        headers={},
        config=_fallback(),
        answers=(failing(400, "moderation_blocked"), GOOD),
    ),
    Row(
        "loadbalance with weights 0 and 1",
        "the second target is asked",
        Expect(headers={_LAST: "config.targets[1]"}, sent={"authorization": "Bearer sk-b"}),
        headers={},
        config={
            "strategy": {"mode": "loadbalance"},
            "targets": [{**_A, "weight": 0}, {**_B, "weight": 1}],
        },
    ),
    Row(
        "conditional on metadata",
        "the target of the condition is asked",
        Expect(sent={"authorization": "Bearer sk-b"}),
        headers={"x-portkey-metadata": '{"plan": "pro"}'},
        config=_named({"metadata.plan": {"$eq": "pro"}}, default="a"),
    ),
    Row(
        "conditional on params.quality of a form",
        "fields of a form are seen; there no condition on them matches",
        Expect(sent={"authorization": "Bearer sk-b"}),
        Expect(sent={"authorization": "Bearer sk-a"}),
        "better",
        headers={},
        config=_named({"params.quality": {"$eq": "low"}}, default="a"),
        fields={"quality": "low"},
    ),
    Row(
        "conditional, nothing matches and no default",
        "400 that says so; there a plain 500",
        Expect(400, 0, body={"error.code": "no_target_matches"}),
        Expect(500, 0),
        "better",
        headers={},
        config=_named({"metadata.plan": {"$eq": "pro"}}),
    ),
    Row(
        "fallback in a fallback",
        "the way to the answer is named",
        Expect(200, 2, {_LAST: "config.targets[0].targets[1]"}),
        headers={},
        config={"strategy": {"mode": "fallback"}, "targets": [_fallback(), _A]},
        answers=(failing(429), GOOD),
    ),
    Row(
        "retry of the config, inherited by its targets",
        "the target is asked again",
        Expect(200, 2, {_RETRIES: "1", **_ONLY_A}),
        headers={},
        config={**_fallback(), "retry": {"attempts": 1}},
        answers=(failing(429), GOOD),
    ),
    Row(
        "override_params on a form",
        "the field is replaced; there it is dropped",
        Expect(sent={"field quality": "low"}),
        Expect(sent={"field quality": None}),
        "better",
        headers={},
        config={**_A, "override_params": {"quality": "low"}},
    ),
)
