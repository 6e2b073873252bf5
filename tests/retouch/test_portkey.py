"""Portkey's headers and configs through the whole corridor, against providers on real sockets."""

import json
from contextlib import ExitStack

import pytest

from tests.support.door import edit, knock, png
from tests.support.events import event
from tests.support.house import Cupboard, build_house
from tests.support.pictures import b64, encoded, hole, opened, photo
from tests.support.upstream import Answer, Upstream, as_events, as_json

GOOD = as_json({"created": 1, "data": [{"b64_json": b64(photo())}]})
BUSY = as_json({"error": {"message": "slow down", "code": "rate_limit_exceeded"}}, 429)
BROKEN = as_json({"error": {"message": "oops"}}, 500)
MODERATED = as_json({"error": {"message": "no", "code": "moderation_blocked"}}, 400)
FIELDS = {"prompt": "p", "image": png(photo()), "model": "gpt-image-2"}
A = {"name": "a", "provider": "openai", "api_key": "sk-a"}
B = {"name": "b", "provider": "azure-openai", "api_key": "az-b"}


@pytest.fixture
def world():
    with ExitStack() as stack:
        one, two = stack.enter_context(Upstream(GOOD)), stack.enter_context(Upstream(GOOD))
        yield one, two


def ask(world, config=None, fields=(), house=None, **headers):
    one, two = world
    env = {"OPENAI_BASE_URL": one.url, "AZURE_OPENAI_ENDPOINT": two.url}
    named = {f"x-portkey-{name.replace('_', '-')}": value for name, value in headers.items()}
    if config:
        named["x-portkey-config"] = config if isinstance(config, str) else json.dumps(config)
    house = house or build_house(env)
    return edit({**FIELDS, **dict(fields)}, headers=named, house=house)


def fallback(*targets, **strategy):
    return {"strategy": {"mode": "fallback", **strategy}, "targets": list(targets)}


def way(answer):
    return (
        answer.headers["x-portkey-last-used-option-index"],
        answer.headers["x-portkey-retry-attempt-count"],
    )


def test_without_a_config_the_headers_say_so(world):
    answer = ask(world, provider="openai", api_key="sk-mine")
    assert answer.status == 200
    assert way(answer) == ("config", "0")
    assert answer.headers["x-portkey-cache-status"] == "DISABLED"
    assert answer.headers["x-portkey-provider"] == "openai"
    assert answer.headers["x-portkey-trace-id"] == "req-test"
    assert world[0].calls[0].headers["authorization"] == "Bearer sk-mine"


def test_the_trace_id_is_the_callers_own(world):
    assert ask(world, A, trace_id="t-1").headers["x-portkey-trace-id"] == "t-1"


def test_a_trace_goes_on_and_comes_back(world):
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    named = {"x-portkey-config": json.dumps(A), "traceparent": parent}
    house = build_house({"OPENAI_BASE_URL": world[0].url})
    answer = edit(FIELDS, headers=named, house=house)
    sent = world[0].calls[0].headers["traceparent"]
    assert sent == answer.headers["traceparent"]
    assert sent[:36] == parent[:36]
    assert sent != parent


def test_each_target_has_its_own_key_and_its_own_words(world):
    one, two = world
    one.answers = [BUSY]
    mask = {"mask": png(hole())}
    answer = ask(world, fallback(A, B), mask)
    assert answer.status == 200
    assert way(answer) == ("config.targets[1]", "0")
    assert one.calls[0].headers["authorization"] == "Bearer sk-a"
    assert two.calls[0].headers["api-key"] == "az-b"
    assert "authorization" not in two.calls[0].headers
    assert one.calls[0].fields["model"] == "gpt-image-2"
    assert "model" not in two.calls[0].fields


@pytest.mark.parametrize(
    ("failure", "strategy", "status", "asked"),
    [
        (BUSY, {}, 200, 1),
        (BROKEN, {}, 502, 0),  # may have been bought
        (BROKEN, {"on_status_codes": [502]}, 200, 1),
        (BROKEN, {"on_status_codes": [500]}, 200, 1),  # as the provider itself said it
        (MODERATED, {}, 400, 0),
        (MODERATED, {"on_status_codes": [400]}, 400, 0),
        (MODERATED, {"on_content_refusal": True}, 200, 1),
        (Answer(fault="cut", body=b"{" * 100), {}, 502, 0),
    ],
)
def test_what_may_have_been_bought_is_not_bought_elsewhere(world, failure, strategy, status, asked):
    one, two = world
    one.answers = [failure]
    answer = ask(world, fallback(A, B, **strategy))
    assert answer.status == status, answer.json
    assert (len(one.calls), len(two.calls)) == (1, asked)


def test_retries_are_free_ones_only(world):
    one, _ = world
    retry = {"attempts": 3, "on_status_codes": [429, 502]}
    one.answers = [BUSY, BUSY, GOOD]
    answer = ask(world, {**A, "retry": retry})
    assert (answer.status, way(answer)) == (200, ("config", "2"))
    one.received.clear()
    one.answers = [BROKEN]
    answer = ask(world, {**A, "retry": retry})
    assert (answer.status, way(answer), len(one.calls)) == (502, ("config", "0"), 1)
    one.received.clear()
    answer = ask(world, {**A, "retry": {**retry, "may_buy_twice": True}})
    assert (answer.status, way(answer), len(one.calls)) == (502, ("config", "-1"), 4)


def test_overrides_reach_a_multipart_request(world):
    override = {"quality": "low", "n": 2, "prompt": "another"}
    ask(world, {**A, "override_params": override})
    fields = world[0].calls[0].fields
    assert (fields["quality"], fields["n"], fields["prompt"]) == ("low", "2", "another")


def test_an_override_that_cannot_be_is_refused(world):
    answer = ask(world, {**A, "override_params": {"quality": "shiny"}})
    assert (answer.status, answer.json["error"]["param"]) == (400, "quality")
    assert world[0].calls == []


@pytest.mark.parametrize(
    ("query", "target"),
    [
        ({"params.model": {"$eq": "gpt-image-2"}}, 1),
        ({"params.image_count": {"$gt": 1}}, 0),
        ({"params.has_mask": {"$eq": True}}, 0),
        ({"metadata.plan": {"$in": ["paid"]}}, 1),
        ({"$or": [{"params.megapixels": {"$gt": 9}}, {"url.pathname": "/v1/images/edits"}]}, 1),
    ],
)
def test_conditions_see_multipart_fields(world, query, target):
    strategy = {
        "mode": "conditional",
        "conditions": [{"query": query, "then": "b"}],
        "default": "a",
    }
    answer = ask(
        world, {"strategy": strategy, "targets": [A, B]}, metadata=json.dumps({"plan": "paid"})
    )
    assert way(answer)[0] == f"config.targets[{target}]"


def test_the_request_timeout_is_a_408_with_the_documented_body(world):
    world[0].answers = [Answer(fault="hang")]
    answer = ask(world, A, request_timeout="300")
    assert answer.status == 408
    assert answer.json["error"] == {
        "message": "Request exceeded the timeout sent in the request: 300ms",
        "type": "timeout_error",
        "param": None,
        "code": None,
    }
    assert answer.headers["x-retouch-billed"] == "unknown"
    assert answer.headers["x-should-retry"] == "false"


def test_saved_configs_and_virtual_keys(world):
    one, two = world
    env = {"OPENAI_BASE_URL": one.url, "AZURE_OPENAI_ENDPOINT": two.url}
    secrets = {
        "RETOUCH_VIRTUAL_KEYS": json.dumps({"team": {"provider": "openai", "api_key": "sk-team"}})
    }
    configs = {"configs/pc-mine.json": json.dumps({"virtual_key": "team"}).encode()}
    house = build_house(env, secrets=secrets, configs=configs)
    assert ask(world, "pc-mine", house=house).status == 200
    assert ask(world, house=house, virtual_key="team").status == 200
    assert [c.headers["authorization"] for c in one.calls] == ["Bearer sk-team"] * 2
    unknown = ask(world, "pc-nobody", house=house)
    assert (unknown.status, unknown.json["error"]["code"]) == (400, "invalid_config")
    assert ask(world, house=house, virtual_key="nobody").status == 400


@pytest.mark.parametrize(
    "config", ["{", "[]", {"strategy": {"mode": "fallback"}}, {"targets": [{"colour": 1}]}]
)
def test_a_config_that_cannot_be_used_costs_nothing(world, config):
    answer = ask(world, config)
    assert (answer.status, answer.json["error"]["code"]) == (400, "invalid_config")
    assert world[0].received == world[1].received == []


def test_a_key_for_one_provider_is_not_shown_to_another(world):
    one, two = world
    one.answers = [BUSY]
    config = fallback({"provider": "openai"}, {"provider": "azure-openai"})
    unsaid = ask(world, config, api_key="sk-mine")
    assert (unsaid.status, world[0].received) == (401, [])
    answer = ask(world, config, provider="openai", api_key="sk-mine")
    assert one.calls[0].headers["authorization"] == "Bearer sk-mine"
    assert two.calls == []
    assert answer.status == 401


def test_a_paying_caller_may_choose_the_deployment(world):
    _, two = world
    headers = {"azure_deployment_id": "mine", "azure_api_version": "2025-01-01"}
    answer = ask(world, provider="azure-openai", api_key="az-mine", **headers)
    assert answer.status == 200, answer.json
    (call,) = two.calls
    assert call.path == "/openai/deployments/mine/images/edits"
    assert call.query == {"api-version": "2025-01-01"}


def test_nobody_chooses_where_the_gateways_own_key_goes(world):
    _, two = world
    env = {"AZURE_OPENAI_ENDPOINT": two.url, "AZURE_OPENAI_API_KEY": "az-operator"}
    house = build_house(env)
    answer = ask(
        world,
        house=house,
        provider="azure-openai",
        azure_resource_name="evil",
        azure_deployment_id="x",
    )
    assert answer.status == 400
    assert answer.json["error"]["param"] == "x-portkey-azure-resource-name"
    assert two.received == []


def test_an_organization_is_passed_on(world):
    ask(world, provider="openai", api_key="sk-mine", openai_organization="org-1")
    assert world[0].calls[0].headers["openai-organization"] == "org-1"


def test_an_at_sign_names_a_virtual_key(world):
    env = {"OPENAI_BASE_URL": world[0].url}
    text = json.dumps({"team": {"provider": "openai", "api_key": "sk-team"}})
    house = build_house(env, secrets={"RETOUCH_VIRTUAL_KEYS": text})
    assert ask(world, {"provider": "@team"}, house=house).status == 200
    assert world[0].calls[0].headers["authorization"] == "Bearer sk-team"
    assert ask(world, {"provider": "@nobody"}, house=house).status == 400
    assert ask(world, house=house, provider="@team").status == 200
    assert ask(world, None, {"model": "@team/gpt-image-2"}, house=house).status == 200
    sent = [call.headers["authorization"] for call in world[0].calls]
    assert sent == ["Bearer sk-team"] * 3
    nobody = ask(world, house=house, provider="@nobody")
    assert (nobody.status, nobody.json["error"]["code"]) == (400, "unsupported_provider")


def test_a_lent_key_that_fails_is_the_operators_trouble(world):
    world[0].answers = [as_json({"error": {"code": "invalid_api_key", "message": "sk-team?"}}, 401)]
    text = json.dumps({"team": {"provider": "openai", "api_key": "sk-team"}})
    house = build_house({"OPENAI_BASE_URL": world[0].url}, secrets={"RETOUCH_VIRTUAL_KEYS": text})
    answer = ask(world, house=house, virtual_key="team")
    assert (answer.status, answer.json["error"]["code"]) == (500, "provider_credentials")


DENY = {"default.contains": {"words": ["passport"], "operator": "none"}, "deny": True}
SMALL = {"retouch.output": {"maxMegapixels": 0.000001}}


def test_a_denied_request_is_446_and_free(world):
    answer = ask(world, {**A, "input_guardrails": [DENY]}, {"prompt": "forge a passport"})
    assert answer.status == 446
    assert answer.json["error"]["type"] == "hooks_failed"
    assert answer.json["hook_results"]["before_request_hooks"][0]["verdict"] is False
    assert answer.headers["x-retouch-billed"] == "no"
    assert world[0].received == []


def test_denied_results_were_bought(world):
    answer = ask(world, {**A, "output_guardrails": [{**SMALL, "deny": True}]})
    assert answer.status == 446
    assert answer.headers["x-retouch-billed"] == "yes"
    assert len(answer.json["hook_results"]["after_request_hooks"]) == 1


def test_a_failed_hook_without_deny_is_246_with_the_pictures(world):
    answer = ask(world, {**A, "output_guardrails": [SMALL]})
    assert answer.status == 246
    assert answer.json["data"][0]["b64_json"]
    assert answer.json["hook_results"]["after_request_hooks"][0]["verdict"] is False


@pytest.mark.parametrize(("strict", "told"), [("true", False), ("false", True)])
def test_what_passes_is_told_only_to_those_who_want_more_than_openais(world, strict, told):
    answer = ask(world, {**A, "input_guardrails": [DENY]}, strict_open_ai_compliance=strict)
    assert answer.status == 200
    assert ("hook_results" in answer.json) is told


def test_default_guardrails_come_in_a_header(world):
    answer = ask(world, A, {"prompt": "passport"}, default_input_guardrails=json.dumps([DENY]))
    assert answer.status == 446


def test_results_that_must_be_looked_at_are_not_streamed(world):
    answer = ask(world, {**A, "output_guardrails": [SMALL]}, {"stream": "true"})
    assert (answer.status, answer.json["error"]["param"]) == (400, "stream")


def test_guardrails_nobody_can_read_are_refused(world):
    answer = ask(world, {**A, "input_guardrails": [{"default.unheardOf": {}}]})
    assert (answer.status, answer.json["error"]["code"]) == (400, "invalid_config")


def test_a_custom_host_is_the_operators_to_allow(world):
    one, two = world
    refused = ask(world, {**A, "custom_host": two.url})
    assert (refused.status, refused.json["error"]["code"]) == (400, "custom_host_not_allowed")
    assert two.received == []
    house = build_house({"OPENAI_BASE_URL": one.url, "RETOUCH_CUSTOM_HOSTS": f"{two.url}/v1/"})
    assert ask(world, A, house=house, custom_host=f"{two.url}/v1").status == 200
    assert (two.calls[0].path, one.received) == ("/v1/images/edits", [])


def test_headers_are_sent_on_only_where_the_operator_allows_it(world):
    one, _ = world
    house = build_house({"OPENAI_BASE_URL": one.url, "RETOUCH_FORWARD_HEADERS": "x-team"})
    fields, names = (
        {**FIELDS},
        {"x-portkey-config": json.dumps(A), "x-team": "blue", "x-other": "1"},
    )
    answer = edit(fields, headers={**names, "x-portkey-forward-headers": "x-team"}, house=house)
    assert answer.status == 200
    assert one.calls[0].headers["x-team"] == "blue"
    assert "x-other" not in one.calls[0].headers
    answer = edit(fields, headers={**names, "x-portkey-forward-headers": "x-other"}, house=house)
    assert (answer.status, answer.json["error"]["code"]) == (400, "forward_header_not_allowed")
    config = json.dumps({**A, "forward_headers": ["X-Team"]})
    assert edit(fields, headers={**names, "x-portkey-config": config}, house=house).status == 200
    assert one.calls[1].headers["x-team"] == "blue"


CACHED = {**A, "cache": {"mode": "simple", "max_age": 60}}


def test_the_same_edit_is_bought_once(world):
    cache = Cupboard()
    house = build_house({"OPENAI_BASE_URL": world[0].url}, cache=cache)
    first = ask(world, CACHED, house=house)
    again = ask(world, CACHED, house=house)
    told = [answer.headers["x-portkey-cache-status"] for answer in (first, again)]
    assert told == ["MISS", "HIT"]
    assert len(world[0].calls) == 1
    assert again.json["data"] == first.json["data"]
    assert [a.headers["x-retouch-billed"] for a in (first, again)] == ["yes", "no"]
    fresh = ask(world, CACHED, house=house, cache_force_refresh="true")
    assert fresh.headers["x-portkey-cache-status"] == "REFRESH"
    kept = ask(world, CACHED, house=house, cache_force_refresh="false")
    assert kept.headers["x-portkey-cache-status"] == "HIT"
    assert len(world[0].calls) == 2


@pytest.mark.parametrize(
    ("fields", "headers"),
    [
        ({"prompt": "other"}, {}),
        ({"image": png(photo(65, 64))}, {}),
        ({"quality": "low"}, {}),
        ({"n": "2"}, {}),
        ({}, {"cache_namespace": "other"}),
    ],
)
def test_another_edit_is_another_one(world, fields, headers):
    house = build_house({"OPENAI_BASE_URL": world[0].url}, cache=Cupboard())
    ask(world, CACHED, house=house)
    assert ask(world, CACHED, fields, house=house, **headers).headers[
        "x-portkey-cache-status"
    ] == "MISS"  # fmt: skip


def test_a_re_encoded_upload_is_the_same_edit(world):
    house = build_house({"OPENAI_BASE_URL": world[0].url}, cache=Cupboard())
    other = encoded(opened(photo()), compress_level=0)
    assert other != photo()
    ask(world, CACHED, house=house)
    answer = ask(world, CACHED, {"image": png(other)}, house=house)
    assert answer.headers["x-portkey-cache-status"] == "HIT"


def test_a_stored_answer_can_be_had_as_a_link(world):
    env = {"OPENAI_BASE_URL": world[0].url, "RETOUCH_BUCKET": "b"}
    house = build_house(env, cache=Cupboard())
    ask(world, CACHED, house=house)
    answer = ask(world, CACHED, {"response_format": "url"}, house=house)
    assert answer.headers["x-portkey-cache-status"] == "HIT"
    assert answer.json["data"][0]["url"].startswith("https://")


def test_strangers_do_not_share_answers(world):
    house = build_house({"OPENAI_BASE_URL": world[0].url}, cache=Cupboard())
    config = {"provider": "openai", "cache": {"mode": "simple"}}
    for key in ("sk-one", "sk-two"):
        answer = ask(world, config, house=house, provider="openai", api_key=key)
        assert answer.headers["x-portkey-cache-status"] == "MISS"


def test_a_provider_that_is_down_is_left_alone_and_the_next_one_asked(world):
    one, two = world
    one.answers = [BROKEN]
    env = {"OPENAI_BASE_URL": one.url, "AZURE_OPENAI_ENDPOINT": two.url}
    house = build_house(env)
    for _ in range(5):
        assert ask(world, A, house=house).status == 502
    answer = ask(world, A, house=house)
    assert (answer.status, answer.json["error"]["code"]) == (503, "provider_circuit_open")
    assert answer.headers["x-retouch-billed"] == "no"
    assert len(one.calls) == 5
    assert ask(world, fallback(A, B), house=house).status == 200
    assert house.breaker.state()["openai"] == "open"


def test_clients_errors_do_not_open_a_circuit(world):
    one, _ = world
    one.answers = [MODERATED]
    house = build_house({"OPENAI_BASE_URL": one.url})
    for _ in range(8):
        assert ask(world, A, house=house).status == 400
    assert house.breaker.state().get("openai", "closed") == "closed"


def test_a_config_with_retries_is_the_only_one_that_retries(world):
    one, _ = world
    one.answers = [as_json({"error": {"message": "slow down"}}, 429, **{"retry-after-ms": "50"})]
    answer = ask(world, {**A, "retry": {"attempts": 1, "use_retry_after_header": True}})
    assert (answer.status, way(answer), len(one.calls)) == (429, ("config", "-1"), 2)


def test_every_log_line_has_the_trace(world, capsys):
    ask(world, A, {"image": "https://10.0.0.1/x.png"}, trace_id="t-9")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "trace" in line]
    assert {line["trace_id"] for line in lines if line.get("message") == "request"} == {"t-9"}


STREAMED = {"type": "image_edit.completed", "b64_json": b64(photo())}


@pytest.mark.parametrize(("stream", "answer"), [("false", GOOD), ("true", as_events(STREAMED))])
def test_without_debug_the_log_has_no_notes(world, capsys, stream, answer):
    world[0].answers, said = [answer], {}
    fields = {"size": "256x256", "fit": "scale", "stream": stream}
    for debug in ("true", "false"):
        answer = ask(world, A, fields, debug=debug)
        assert "rendered at 1024x1024" in answer.headers["x-retouch-notes"]
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        (said[debug],) = [line for line in lines if line.get("message") == "request"]
    assert "rendered at 1024x1024" in str(said["true"]["notes"])
    assert said["true"].keys() - said["false"].keys() == {"notes"}
    assert "rendered" not in str(said["false"])


def test_a_header_that_cannot_be_read_is_an_edits_trouble_only():
    house = build_house()
    headers = {"x-portkey-config": "{"}
    assert knock(event(method="GET", path="/health", headers=headers), house=house).status == 200


KEYS = {
    "TeamA": {"provider": "openai", "api_key": "sk-team"},
    "az": {"provider": "azure-openai", "api_key": "az-team"},
    "ob": {"provider": "openai", "api_key": "sk-ob"},
}


def lending(world, **env):
    one, two = world
    env = {"OPENAI_BASE_URL": one.url, "AZURE_OPENAI_ENDPOINT": two.url, **env}
    return build_house(env, secrets={"RETOUCH_VIRTUAL_KEYS": json.dumps(KEYS)})


def refused_unasked(world, param, *args, **kwargs):
    answer = ask(world, *args, **kwargs)
    error = answer.json["error"]
    assert (answer.status, error["param"]) == (400, param), error
    assert answer.headers["x-retouch-billed"] == "no"
    assert world[0].received == world[1].received == []
    return error["message"]


@pytest.mark.parametrize("option", ["azure_resource_name", "azure_deployment_id"])
def test_nobody_chooses_where_a_saved_configs_key_goes(world, option):
    saved = {"configs/pc-team.json": json.dumps(B).encode()}
    house = build_house({"AZURE_OPENAI_ENDPOINT": world[1].url}, configs=saved)
    param = f"x-portkey-{option.replace('_', '-')}"
    refused_unasked(world, param, "pc-team", house=house, **{option: "attacker"})


def test_one_key_never_goes_to_two_providers(world):
    models = ("azure-openai/gpt-image-2", "openai/gpt-image-2")
    config = fallback(*({"override_params": {"model": model}} for model in models))
    answer = ask(world, config, api_key="sk-openai")
    assert (answer.status, world[0].received, world[1].received) == (401, [], [])
    world[1].answers = [BUSY]
    house = lending(world, AZURE_OPENAI_API_KEY="az-op")
    assert ask(world, config, house=house, provider="openai", api_key="sk-openai").status == 200
    assert world[1].calls[0].headers["api-key"] == "az-op"
    assert world[0].calls[0].headers["authorization"] == "Bearer sk-openai"


def test_each_payer_has_answers_of_its_own(world):
    house = build_house(
        {"OPENAI_BASE_URL": world[0].url},
        cache=Cupboard(),
        secrets={"RETOUCH_VIRTUAL_KEYS": json.dumps(KEYS)},
    )
    cached = {"cache": {"mode": "simple"}}
    payers = (
        {"provider": "openai", "api_key": "sk-alice"},
        {"provider": "openai", "api_key": "sk-mallory"},
        {"targets": [{"provider": "openai", "api_key": "sk-x"}]},
        {"virtual_key": "TeamA"},
        {"virtual_key": "ob"},
    )
    for config in payers:
        told = [
            ask(world, {**config, **cached}, house=house).headers["x-portkey-cache-status"]
            for _ in range(2)
        ]
        assert told == ["MISS", "HIT"], config


@pytest.mark.parametrize(
    ("config", "param"),
    [
        ({"virtual_key": "az", "azure_deployment_id": "mine"}, "x-portkey-config"),
        ({"virtual_key": "TeamA", "openai_organization": "org"}, "x-portkey-config"),
        ({"provider": "openai", "api_key": "k", "virtual_key": "TeamA"}, "x-portkey-config"),
        ({"provider": "azure-openai", "azure_api_version": "v1"}, "x-portkey-config"),
        ({"provider": "azure-openai", "azure_ad_token": "MY-OWN"}, "x-portkey-azure-ad-token"),
    ],
)
def test_what_a_config_names_applies_or_is_refused(world, config, param):
    house = lending(world, AZURE_OPENAI_API_KEY="az-op", OPENAI_API_KEY="sk-op")
    message = refused_unasked(world, param, config, house=house)
    assert "MY-OWN" not in message


def test_a_mismatched_virtual_key_is_refused(world):
    config = {"provider": "azure-openai", "virtual_key": "TeamA"}
    answer = ask(world, config, house=lending(world))
    assert (answer.status, answer.headers["x-retouch-billed"]) == (400, "no")
    assert "Two are named who serve or pay" in answer.json["error"]["message"]
    assert world[0].received == world[1].received == []


def test_a_callers_access_token_pays_at_azure(world):
    token = "eyJ0eXAi.caller"
    headers = {"azure_ad_token": token, "azure_deployment_id": "mine"}
    house = lending(world, AZURE_OPENAI_API_KEY="az-op")
    answer = ask(world, house=house, provider="azure-openai", **headers)
    assert answer.status == 200, answer.json
    (call,) = world[1].calls
    assert call.path == "/openai/deployments/mine/images/edits"
    assert call.headers["authorization"] == f"Bearer {token}"
    assert "api-key" not in call.headers


def test_openais_own_headers_go_on(world):
    options = {"openai_organization": "org", "openai_project": "proj", "openai_beta": "b=v2"}
    ask(world, provider="openai", api_key="sk-mine", **options)
    sent = world[0].calls[0].headers
    assert (sent["openai-organization"], sent["openai-project"]) == ("org", "proj")
    assert sent["openai-beta"] == "b=v2"


def test_stabilitys_own_headers_go_on(world):
    house = build_house({"STABILITY_BASE_URL": world[0].url})
    world[0].answers = [as_json({"image": b64(photo()), "finish_reason": "SUCCESS"})]
    told = {"id": "app", "user_id": "u", "version": "9"}
    headers = {f"x-portkey-stability-client-{n.replace('_', '-')}": v for n, v in told.items()}
    headers |= {"x-portkey-provider": "stability-ai", "x-portkey-api-key": "sk-mine"}
    fields = {"prompt": "p", "image": png(photo()), "model": "search-and-replace"}
    fields["search_prompt"] = "s"
    answer = edit(fields, headers=headers, house=house)
    assert answer.status == 200, answer.json
    sent = world[0].calls[0].headers
    assert [sent[f"stability-client-{name.replace('_', '-')}"] for name in told] == [
        "app",
        "u",
        "9",
    ]
    twice = edit({**fields, "user": "u"}, headers=headers, house=house)
    assert (twice.status, twice.json["error"]["param"]) == (400, "user")
    assert len(world[0].calls) == 1


def test_an_aws_role_is_refused_by_name(world):
    house = build_house({"BEDROCK_BASE_URL": world[0].url, "BEDROCK_API_KEY": "op"})
    fields = {"model": "erase", "prompt": "", "mask": png(hole())}
    role = {"aws_role_arn": "arn:aws:iam::123456789012:role/mine", "aws_external_id": "x"}
    message = refused_unasked(
        world, "x-portkey-aws-role-arn", None, fields, house, provider="bedrock", **role
    )
    assert "a Bedrock API key of your own" in message


@pytest.mark.parametrize("key", ["sk-SEC\nRET", "sk-SECé", "rt_SEC"])
def test_a_configs_key_is_looked_at_and_never_told(world, capsys, key):
    message = refused_unasked(world, "x-portkey-config", {"provider": "openai", "api_key": key})
    assert "config.api_key" in message
    assert "SEC" not in message + capsys.readouterr().out


def test_a_configs_placeholder_is_no_key(world):
    answer = ask(world, {"provider": "openai", "api_key": "undefined"})
    assert (answer.status, world[0].received) == (401, [])


@pytest.mark.parametrize("value", ["日本", "é"])
def test_what_no_header_carries_is_not_sent_on(world, value):
    house = lending(world, RETOUCH_FORWARD_HEADERS="x-team")
    headers = {"x-portkey-config": json.dumps(A), "x-portkey-forward-headers": "x-team"}
    answer = edit(FIELDS, headers={**headers, "x-team": value}, house=house)
    assert (answer.status, world[0].received) == (400, [])
    organization = {"provider": "openai", "api_key": "k", "openai_organization": value}
    refused_unasked(world, "x-portkey-openai-organization", **organization)


@pytest.mark.parametrize(
    "broken",
    [
        {**B, "input_guardrails": [{"nope.check": {}}]},
        {**B, "custom_host": "https://stranger.example"},
        {**B, "forward_headers": ["x-stranger"]},
        {**B, "override_params": {"quality": "low", "model": "openai/nope"}},
        {"provider": "openai", "override_params": {"model": "nope"}},
        {**B, "override_params": {"n": 99}},
        {"virtual_key": "nobody"},
        {"provider": "@nobody"},
        {**B, "azure_resource_name": "stranger.example/#"},
    ],
)
@pytest.mark.parametrize("first", [fallback, lambda a, b, **_: {"targets": [a, b]}])
def test_a_broken_target_is_found_before_any_is_asked(world, broken, first):
    world[0].answers = [BROKEN]
    config = first(A, broken, on_status_codes=[500])
    headers = {"x-portkey-config": json.dumps(config), "x-stranger": "1"}
    answer = edit(FIELDS, headers=headers, house=lending(world))
    assert answer.status in (400, 404)
    assert answer.headers["x-retouch-billed"] == "no"
    assert world[0].received == world[1].received == []


@pytest.mark.parametrize(
    ("named", "served"),
    [
        ({"config": {"provider": "@TeamA"}}, "openai"),
        ({"provider": "@TeamA"}, "openai"),
        ({"virtual_key": "teama"}, "openai"),
        ({"fields": {"model": "@az/gpt-image-2"}}, "azure-openai"),
        ({"fields": {"model": "azure-openai/gpt-image-2"}, "api_key": "k"}, "azure-openai"),
    ],
)
@pytest.mark.parametrize("found", [GOOD, BROKEN])
def test_the_provider_that_served_is_named_whoever_named_it(world, named, served, found):
    world[0].answers = world[1].answers = [found]
    answer = ask(world, house=lending(world), **named)
    assert answer.headers["x-portkey-provider"] == served
    assert len(world[0].calls) + len(world[1].calls) == 1


@pytest.mark.parametrize(
    "named",
    [
        {"virtual_key": "TeamA"},
        {"provider": "@TeamA"},
        {"provider": "stability-ai"},
        {"provider": "openai", "api_key": "sk-mine"},
    ],
)
def test_a_models_virtual_key_takes_nobodys_place(world, named):
    answer = ask(world, None, {"model": "@ob/gpt-image-2"}, lending(world), **named)
    assert (answer.status, answer.headers["x-retouch-billed"]) == (400, "no")
    assert "Two are named who serve or pay" in answer.json["error"]["message"]
    assert world[0].received == []


def test_the_operators_organization_stays_behind_where_another_key_pays(world):
    env = {"OPENAI_BASE_URL": world[0].url, "OPENAI_ORGANIZATION": "org-op", "OPENAI_PROJECT": "p"}
    house = build_house({**env, "OPENAI_API_KEY": "sk-op"})
    assert ask(world, house=house).status == 200
    assert ask(world, house=house, provider="openai", api_key="sk-mine").status == 200
    operators, callers = (call.headers for call in world[0].calls)
    assert (operators["openai-organization"], operators["openai-project"]) == ("org-op", "p")
    assert callers.keys().isdisjoint({"openai-organization", "openai-project"})


def test_a_saved_key_says_whose_it_is(world):
    configs = {"configs/pc-loose.json": json.dumps({"api_key": "sk-op"}).encode()}
    house = build_house({"OPENAI_BASE_URL": world[0].url}, configs=configs)
    answer = ask(world, "pc-loose", house=house, provider="openai")
    assert (answer.status, answer.json["error"]["code"]) == (400, "invalid_config")
    assert "must name its provider" in answer.json["error"]["message"]
    assert world[0].received == []
