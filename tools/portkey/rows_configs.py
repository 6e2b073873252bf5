"""Rows about configs: which target serves the request."""

from tools.portkey.row import SUCCESS, ExpectedResponse, Row, error_response

_TARGET_A = {"provider": "openai", "api_key": "sk-a"}
_TARGET_B = {"provider": "openai", "api_key": "sk-b"}
_OPTION_HEADER = "x-portkey-last-used-option-index"
_RETRY_COUNT_HEADER = "x-portkey-retry-attempt-count"
_SERVED_BY_B = ExpectedResponse(
    200, 2, {_OPTION_HEADER: "config.targets[1]"}, sent={"authorization": "Bearer sk-b"}
)
_SERVED_BY_A = {_OPTION_HEADER: "config.targets[0]"}


def _fallback_config(**strategy: object) -> dict[str, object]:
    return {"strategy": {"mode": "fallback", **strategy}, "targets": [_TARGET_A, _TARGET_B]}


def _conditional_config(query: object, **strategy: object) -> dict[str, object]:
    conditions = [{"query": query, "then": "b"}]
    return {
        "strategy": {"mode": "conditional", "conditions": conditions, **strategy},
        "targets": [{**_TARGET_A, "name": "a"}, {**_TARGET_B, "name": "b"}],
    }


CONFIGS = (
    Row(
        "inline config with provider and key",
        "the key of the config is used",
        ExpectedResponse(headers={_OPTION_HEADER: "config"}, sent={"authorization": "Bearer sk-a"}),
        headers={},
        config=_TARGET_A,
    ),
    Row(
        "saved config `pc-photos`",
        "read from the operator's bucket; the open gateway accepts only JSON",
        ExpectedResponse(sent={"authorization": "Bearer sk-saved"}),
        ExpectedResponse(400, 0),
        "better",
        headers={},
        config="pc-photos",
    ),
    Row(
        "fallback whose second target names an unknown guardrail",
        "rejected before the first target is called; Portkey ignores the guardrail",
        ExpectedResponse(400, 0, body={"error.code": "invalid_config"}),
        ExpectedResponse(),
        "better",
        headers={},
        config={
            "strategy": {"mode": "fallback"},
            "targets": [
                _TARGET_A,
                {**_TARGET_B, "input_guardrails": [{"default.unheardOf": {}, "id": "x"}]},
            ],
        },
    ),
    Row(
        "config that is not JSON",
        "400, and nothing is sent",
        ExpectedResponse(400, 0),
        config="{oops",
    ),
    Row(
        "config with an unknown mode",
        "400, and nothing is sent",
        ExpectedResponse(400, 0),
        headers={},
        config={"strategy": {"mode": "roulette"}, "targets": [_TARGET_A]},
    ),
    Row(
        "fallback, upstream 429",
        "the second target is called",
        _SERVED_BY_B,
        headers={},
        config=_fallback_config(),
        upstream_responses=(error_response(429), SUCCESS),
    ),
    Row(
        "fallback on_status_codes [429], upstream 429",
        "the second target is called",
        _SERVED_BY_B,
        headers={},
        config=_fallback_config(on_status_codes=[429]),
        upstream_responses=(error_response(429), SUCCESS),
    ),
    Row(
        "fallback on_status_codes [429], upstream 500",
        "500 is not listed, so there is no fallback; 502 says that the provider failed, not the gateway",
        ExpectedResponse(502, 1, _SERVED_BY_A),
        ExpectedResponse(500, 1, _SERVED_BY_A),
        "better",
        headers={},
        config=_fallback_config(on_status_codes=[429]),
        upstream_responses=(error_response(500), SUCCESS),
    ),
    Row(
        "fallback, upstream 400",
        "an invalid request is not sent to a second provider",
        ExpectedResponse(400, 1, _SERVED_BY_A),
        _SERVED_BY_B,
        "better",
        headers={},
        config=_fallback_config(),
        upstream_responses=(error_response(400), SUCCESS),
    ),
    Row(
        "fallback on_status_codes [400], upstream 400",
        "400 is listed, so the second target is called",
        _SERVED_BY_B,
        headers={},
        config=_fallback_config(on_status_codes=[400]),
        upstream_responses=(error_response(400), SUCCESS),
    ),
    Row(
        "fallback, upstream refuses the content",
        "refused content is not sent to a second provider unless `on_content_refusal` allows it",
        ExpectedResponse(400, 1, _SERVED_BY_A, {"error.code": "moderation_blocked"}),
        _SERVED_BY_B,
        "better",
        headers={},
        config=_fallback_config(),
        upstream_responses=(error_response(400, "moderation_blocked"), SUCCESS),
    ),
    Row(
        "loadbalance with weights 0 and 1",
        "the second target is called",
        ExpectedResponse(
            headers={_OPTION_HEADER: "config.targets[1]"}, sent={"authorization": "Bearer sk-b"}
        ),
        headers={},
        config={
            "strategy": {"mode": "loadbalance"},
            "targets": [{**_TARGET_A, "weight": 0}, {**_TARGET_B, "weight": 1}],
        },
    ),
    Row(
        "conditional on metadata",
        "the target of the condition is called",
        ExpectedResponse(sent={"authorization": "Bearer sk-b"}),
        headers={"x-portkey-metadata": '{"plan": "pro"}'},
        config=_conditional_config({"metadata.plan": {"$eq": "pro"}}, default="a"),
    ),
    Row(
        "conditional on params.quality of a form",
        "conditions can use form fields; in Portkey no condition on them matches",
        ExpectedResponse(sent={"authorization": "Bearer sk-b"}),
        ExpectedResponse(sent={"authorization": "Bearer sk-a"}),
        "better",
        headers={},
        config=_conditional_config({"params.quality": {"$eq": "low"}}, default="a"),
        fields={"quality": "low"},
    ),
    Row(
        "conditional, nothing matches and no default",
        "400 with the reason; Portkey returns a plain 500",
        ExpectedResponse(400, 0, body={"error.code": "no_target_matches"}),
        ExpectedResponse(500, 0),
        "better",
        headers={},
        config=_conditional_config({"metadata.plan": {"$eq": "pro"}}),
    ),
    Row(
        "fallback in a fallback",
        "the path to the serving target is returned",
        ExpectedResponse(200, 2, {_OPTION_HEADER: "config.targets[0].targets[1]"}),
        headers={},
        config={"strategy": {"mode": "fallback"}, "targets": [_fallback_config(), _TARGET_A]},
        upstream_responses=(error_response(429), SUCCESS),
    ),
    Row(
        "retry of the config, inherited by its targets",
        "the target is called again",
        ExpectedResponse(200, 2, {_RETRY_COUNT_HEADER: "1", **_SERVED_BY_A}),
        headers={},
        config={**_fallback_config(), "retry": {"attempts": 1}},
        upstream_responses=(error_response(429), SUCCESS),
    ),
    Row(
        "override_params on a form",
        "the field is replaced; Portkey drops it",
        ExpectedResponse(sent={"field quality": "low"}),
        ExpectedResponse(sent={"field quality": None}),
        "better",
        headers={},
        config={**_TARGET_A, "override_params": {"quality": "low"}},
    ),
)
