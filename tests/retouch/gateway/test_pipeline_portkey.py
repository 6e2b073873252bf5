"""Tests of Portkey's headers and configs through the whole pipeline, against providers on real sockets."""

import json
from contextlib import ExitStack

import pytest

from tests.support.events import proxy_event
from tests.support.gateway_client import file_part, post_edit, send_event
from tests.support.images import b64, box_mask, decode_image, encode_image, photo
from tests.support.services import InMemoryCache, build_services
from tests.support.upstream import ScriptedResponse, Upstream, json_response, sse_response

IMAGE_RESPONSE = json_response({"created": 1, "data": [{"b64_json": b64(photo())}]})
RATE_LIMITED = json_response(
    {"error": {"message": "slow down", "code": "rate_limit_exceeded"}}, 429
)
SERVER_ERROR = json_response({"error": {"message": "oops"}}, 500)
MODERATED = json_response({"error": {"message": "no", "code": "moderation_blocked"}}, 400)
FIELDS = {"prompt": "p", "image": file_part(photo()), "model": "gpt-image-2"}
A = {"name": "a", "provider": "openai", "api_key": "sk-a"}
B = {"name": "b", "provider": "azure-openai", "api_key": "az-b"}


@pytest.fixture
def upstreams():
    with ExitStack() as stack:
        openai, azure = (
            stack.enter_context(Upstream(IMAGE_RESPONSE)),
            stack.enter_context(Upstream(IMAGE_RESPONSE)),
        )
        yield openai, azure


def send_edit(world, config=None, fields=(), services=None, **headers):
    openai, azure = world
    env = {"OPENAI_BASE_URL": openai.url, "AZURE_OPENAI_ENDPOINT": azure.url}
    header_values = {
        f"x-portkey-{name.replace('_', '-')}": value for name, value in headers.items()
    }
    if config:
        header_values["x-portkey-config"] = (
            config if isinstance(config, str) else json.dumps(config)
        )
    services = services or build_services(env)
    return post_edit({**FIELDS, **dict(fields)}, headers=header_values, services=services)


def fallback_config(*targets, **strategy):
    return {"strategy": {"mode": "fallback", **strategy}, "targets": list(targets)}


def target_and_retries(response):
    return (
        response.headers["x-portkey-last-used-option-index"],
        response.headers["x-portkey-retry-attempt-count"],
    )


def test_response_without_config_has_portkey_headers(upstreams):
    response = send_edit(upstreams, provider="openai", api_key="sk-mine")
    assert response.status == 200
    assert target_and_retries(response) == ("config", "0")
    assert response.headers["x-portkey-cache-status"] == "DISABLED"
    assert response.headers["x-portkey-provider"] == "openai"
    assert response.headers["x-portkey-trace-id"] == "req-test"
    assert upstreams[0].calls[0].headers["authorization"] == "Bearer sk-mine"


def test_trace_id_of_request_is_returned(upstreams):
    assert send_edit(upstreams, A, trace_id="t-1").headers["x-portkey-trace-id"] == "t-1"


def test_traceparent_is_continued_and_returned(upstreams):
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    named = {"x-portkey-config": json.dumps(A), "traceparent": parent}
    services = build_services({"OPENAI_BASE_URL": upstreams[0].url})
    response = post_edit(FIELDS, headers=named, services=services)
    sent = upstreams[0].calls[0].headers["traceparent"]
    assert sent == response.headers["traceparent"]
    assert sent[:36] == parent[:36]
    assert sent != parent


def test_fallback_target_uses_its_own_key_and_request_format(upstreams):
    openai, azure = upstreams
    openai.responses = [RATE_LIMITED]
    mask = {"mask": file_part(box_mask())}
    response = send_edit(upstreams, fallback_config(A, B), mask)
    assert response.status == 200
    assert target_and_retries(response) == ("config.targets[1]", "0")
    assert openai.calls[0].headers["authorization"] == "Bearer sk-a"
    assert azure.calls[0].headers["api-key"] == "az-b"
    assert "authorization" not in azure.calls[0].headers
    assert openai.calls[0].fields["model"] == "gpt-image-2"
    assert "model" not in azure.calls[0].fields


@pytest.mark.parametrize(
    ("failure", "strategy", "status", "azure_calls"),
    [
        (RATE_LIMITED, {}, 200, 1),
        (SERVER_ERROR, {}, 502, 0),  # may have been billed
        (SERVER_ERROR, {"on_status_codes": [502]}, 200, 1),
        (SERVER_ERROR, {"on_status_codes": [500]}, 200, 1),  # the status that the provider returned
        (MODERATED, {}, 400, 0),
        (MODERATED, {"on_status_codes": [400]}, 400, 0),
        (MODERATED, {"on_content_refusal": True}, 200, 1),
        (ScriptedResponse(network_failure="cut", body=b"{" * 100), {}, 502, 0),
    ],
)
def test_possibly_billed_failure_does_not_fall_back_by_default(
    upstreams, failure, strategy, status, azure_calls
):
    openai, azure = upstreams
    openai.responses = [failure]
    response = send_edit(upstreams, fallback_config(A, B, **strategy))
    assert response.status == status, response.json
    assert (len(openai.calls), len(azure.calls)) == (1, azure_calls)


def test_only_unbilled_failures_are_retried_by_default(upstreams):
    openai, _ = upstreams
    retry = {"attempts": 3, "on_status_codes": [429, 502]}
    openai.responses = [RATE_LIMITED, RATE_LIMITED, IMAGE_RESPONSE]
    response = send_edit(upstreams, {**A, "retry": retry})
    assert (response.status, target_and_retries(response)) == (200, ("config", "2"))
    openai.received.clear()
    openai.responses = [SERVER_ERROR]
    response = send_edit(upstreams, {**A, "retry": retry})
    assert (response.status, target_and_retries(response), len(openai.calls)) == (
        502,
        ("config", "0"),
        1,
    )
    openai.received.clear()
    response = send_edit(upstreams, {**A, "retry": {**retry, "may_buy_twice": True}})
    assert (response.status, target_and_retries(response), len(openai.calls)) == (
        502,
        ("config", "-1"),
        4,
    )


def test_override_params_are_sent_in_multipart_request(upstreams):
    override = {"quality": "low", "n": 2, "prompt": "another"}
    send_edit(upstreams, {**A, "override_params": override})
    fields = upstreams[0].calls[0].fields
    assert (fields["quality"], fields["n"], fields["prompt"]) == ("low", "2", "another")


def test_invalid_override_param_is_rejected(upstreams):
    response = send_edit(upstreams, {**A, "override_params": {"quality": "shiny"}})
    assert (response.status, response.json["error"]["param"]) == (400, "quality")
    assert upstreams[0].calls == []


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
def test_conditions_read_multipart_fields_and_metadata(upstreams, query, target):
    strategy = {
        "mode": "conditional",
        "conditions": [{"query": query, "then": "b"}],
        "default": "a",
    }
    response = send_edit(
        upstreams, {"strategy": strategy, "targets": [A, B]}, metadata=json.dumps({"plan": "paid"})
    )
    assert target_and_retries(response)[0] == f"config.targets[{target}]"


def test_request_timeout_returns_408_with_documented_body(upstreams):
    upstreams[0].responses = [ScriptedResponse(network_failure="hang")]
    response = send_edit(upstreams, A, request_timeout="300")
    assert response.status == 408
    assert response.json["error"] == {
        "message": "Request exceeded the timeout sent in the request: 300ms",
        "type": "timeout_error",
        "param": None,
        "code": None,
    }
    assert response.headers["x-retouch-billed"] == "unknown"
    assert response.headers["x-should-retry"] == "false"


def test_saved_config_and_virtual_key_are_used_by_name(upstreams):
    openai, azure = upstreams
    env = {"OPENAI_BASE_URL": openai.url, "AZURE_OPENAI_ENDPOINT": azure.url}
    secrets = {
        "RETOUCH_VIRTUAL_KEYS": json.dumps({"team": {"provider": "openai", "api_key": "sk-team"}})
    }
    configs = {"configs/pc-mine.json": json.dumps({"virtual_key": "team"}).encode()}
    services = build_services(env, secrets=secrets, configs=configs)
    assert send_edit(upstreams, "pc-mine", services=services).status == 200
    assert send_edit(upstreams, services=services, virtual_key="team").status == 200
    assert [c.headers["authorization"] for c in openai.calls] == ["Bearer sk-team"] * 2
    unknown = send_edit(upstreams, "pc-nobody", services=services)
    assert (unknown.status, unknown.json["error"]["code"]) == (400, "invalid_config")
    assert send_edit(upstreams, services=services, virtual_key="nobody").status == 400


@pytest.mark.parametrize(
    "config", ["{", "[]", {"strategy": {"mode": "fallback"}}, {"targets": [{"colour": 1}]}]
)
def test_invalid_config_is_rejected_without_call(upstreams, config):
    response = send_edit(upstreams, config)
    assert (response.status, response.json["error"]["code"]) == (400, "invalid_config")
    assert upstreams[0].received == upstreams[1].received == []


def test_key_for_one_provider_is_not_sent_to_another(upstreams):
    openai, azure = upstreams
    openai.responses = [RATE_LIMITED]
    config = fallback_config({"provider": "openai"}, {"provider": "azure-openai"})
    unnamed = send_edit(upstreams, config, api_key="sk-mine")
    assert (unnamed.status, upstreams[0].received) == (401, [])
    response = send_edit(upstreams, config, provider="openai", api_key="sk-mine")
    assert openai.calls[0].headers["authorization"] == "Bearer sk-mine"
    assert azure.calls == []
    assert response.status == 401


def test_caller_with_own_key_can_choose_deployment(upstreams):
    _, azure = upstreams
    headers = {"azure_deployment_id": "mine", "azure_api_version": "2025-01-01"}
    response = send_edit(upstreams, provider="azure-openai", api_key="az-mine", **headers)
    assert response.status == 200, response.json
    (call,) = azure.calls
    assert call.path == "/openai/deployments/mine/images/edits"
    assert call.query == {"api-version": "2025-01-01"}


def test_address_option_without_own_key_is_rejected(upstreams):
    _, azure = upstreams
    env = {"AZURE_OPENAI_ENDPOINT": azure.url, "AZURE_OPENAI_API_KEY": "az-operator"}
    services = build_services(env)
    response = send_edit(
        upstreams,
        services=services,
        provider="azure-openai",
        azure_resource_name="evil",
        azure_deployment_id="x",
    )
    assert response.status == 400
    assert response.json["error"]["param"] == "x-portkey-azure-resource-name"
    assert azure.received == []


def test_openai_organization_header_is_sent(upstreams):
    send_edit(upstreams, provider="openai", api_key="sk-mine", openai_organization="org-1")
    assert upstreams[0].calls[0].headers["openai-organization"] == "org-1"


def test_at_sign_names_a_virtual_key(upstreams):
    env = {"OPENAI_BASE_URL": upstreams[0].url}
    text = json.dumps({"team": {"provider": "openai", "api_key": "sk-team"}})
    services = build_services(env, secrets={"RETOUCH_VIRTUAL_KEYS": text})
    assert send_edit(upstreams, {"provider": "@team"}, services=services).status == 200
    assert upstreams[0].calls[0].headers["authorization"] == "Bearer sk-team"
    assert send_edit(upstreams, {"provider": "@nobody"}, services=services).status == 400
    assert send_edit(upstreams, services=services, provider="@team").status == 200
    assert (
        send_edit(upstreams, None, {"model": "@team/gpt-image-2"}, services=services).status == 200
    )
    sent = [call.headers["authorization"] for call in upstreams[0].calls]
    assert sent == ["Bearer sk-team"] * 3
    unknown = send_edit(upstreams, services=services, provider="@nobody")
    assert (unknown.status, unknown.json["error"]["code"]) == (400, "unsupported_provider")


def test_rejected_virtual_key_returns_500_provider_credentials(upstreams):
    upstreams[0].responses = [
        json_response({"error": {"code": "invalid_api_key", "message": "sk-team?"}}, 401)
    ]
    text = json.dumps({"team": {"provider": "openai", "api_key": "sk-team"}})
    services = build_services(
        {"OPENAI_BASE_URL": upstreams[0].url}, secrets={"RETOUCH_VIRTUAL_KEYS": text}
    )
    response = send_edit(upstreams, services=services, virtual_key="team")
    assert (response.status, response.json["error"]["code"]) == (500, "provider_credentials")


DENYING_HOOK = {"default.contains": {"words": ["passport"], "operator": "none"}, "deny": True}
TINY_OUTPUT_HOOK = {"retouch.output": {"maxMegapixels": 0.000001}}


def test_denied_request_returns_446_and_is_not_billed(upstreams):
    response = send_edit(
        upstreams, {**A, "input_guardrails": [DENYING_HOOK]}, {"prompt": "forge a passport"}
    )
    assert response.status == 446
    assert response.json["error"]["type"] == "hooks_failed"
    assert response.json["hook_results"]["before_request_hooks"][0]["verdict"] is False
    assert response.headers["x-retouch-billed"] == "no"
    assert upstreams[0].received == []


def test_denied_result_returns_446_and_is_billed(upstreams):
    response = send_edit(
        upstreams, {**A, "output_guardrails": [{**TINY_OUTPUT_HOOK, "deny": True}]}
    )
    assert response.status == 446
    assert response.headers["x-retouch-billed"] == "yes"
    assert len(response.json["hook_results"]["after_request_hooks"]) == 1


def test_failed_hook_without_deny_returns_246_with_images(upstreams):
    response = send_edit(upstreams, {**A, "output_guardrails": [TINY_OUTPUT_HOOK]})
    assert response.status == 246
    assert response.json["data"][0]["b64_json"]
    assert response.json["hook_results"]["after_request_hooks"][0]["verdict"] is False


@pytest.mark.parametrize(("strict", "is_reported"), [("true", False), ("false", True)])
def test_passed_hooks_are_reported_only_without_strict_compliance(upstreams, strict, is_reported):
    response = send_edit(
        upstreams, {**A, "input_guardrails": [DENYING_HOOK]}, strict_open_ai_compliance=strict
    )
    assert response.status == 200
    assert ("hook_results" in response.json) is is_reported


def test_default_guardrails_header_is_applied(upstreams):
    response = send_edit(
        upstreams, A, {"prompt": "passport"}, default_input_guardrails=json.dumps([DENYING_HOOK])
    )
    assert response.status == 446


def test_stream_with_output_guardrails_is_rejected(upstreams):
    response = send_edit(
        upstreams, {**A, "output_guardrails": [TINY_OUTPUT_HOOK]}, {"stream": "true"}
    )
    assert (response.status, response.json["error"]["param"]) == (400, "stream")


def test_unknown_guardrail_check_is_rejected(upstreams):
    response = send_edit(upstreams, {**A, "input_guardrails": [{"default.unheardOf": {}}]})
    assert (response.status, response.json["error"]["code"]) == (400, "invalid_config")


def test_custom_host_is_used_only_when_allowed(upstreams):
    openai, azure = upstreams
    refused = send_edit(upstreams, {**A, "custom_host": azure.url})
    assert (refused.status, refused.json["error"]["code"]) == (400, "custom_host_not_allowed")
    assert azure.received == []
    services = build_services(
        {"OPENAI_BASE_URL": openai.url, "RETOUCH_CUSTOM_HOSTS": f"openai={azure.url}/v1/"}
    )
    assert send_edit(upstreams, A, services=services, custom_host=f"{azure.url}/v1").status == 200
    assert (azure.calls[0].path, openai.received) == ("/v1/images/edits", [])


def test_forward_headers_are_sent_only_when_allowed(upstreams):
    openai, _ = upstreams
    services = build_services({"OPENAI_BASE_URL": openai.url, "RETOUCH_FORWARD_HEADERS": "x-team"})
    fields, names = (
        {**FIELDS},
        {"x-portkey-config": json.dumps(A), "x-team": "blue", "x-other": "1"},
    )
    response = post_edit(
        fields, headers={**names, "x-portkey-forward-headers": "x-team"}, services=services
    )
    assert response.status == 200
    assert openai.calls[0].headers["x-team"] == "blue"
    assert "x-other" not in openai.calls[0].headers
    response = post_edit(
        fields, headers={**names, "x-portkey-forward-headers": "x-other"}, services=services
    )
    assert (response.status, response.json["error"]["code"]) == (400, "forward_header_not_allowed")
    config = json.dumps({**A, "forward_headers": ["X-Team"]})
    assert (
        post_edit(fields, headers={**names, "x-portkey-config": config}, services=services).status
        == 200
    )
    assert openai.calls[1].headers["x-team"] == "blue"


CACHED_TARGET = {**A, "cache": {"mode": "simple", "max_age": 60}}


def test_equal_edit_is_served_from_cache(upstreams):
    cache = InMemoryCache()
    services = build_services({"OPENAI_BASE_URL": upstreams[0].url}, cache=cache)
    first = send_edit(upstreams, CACHED_TARGET, services=services)
    second = send_edit(upstreams, CACHED_TARGET, services=services)
    statuses = [response.headers["x-portkey-cache-status"] for response in (first, second)]
    assert statuses == ["MISS", "HIT"]
    assert len(upstreams[0].calls) == 1
    assert second.json["data"] == first.json["data"]
    assert [a.headers["x-retouch-billed"] for a in (first, second)] == ["yes", "no"]
    refreshed = send_edit(upstreams, CACHED_TARGET, services=services, cache_force_refresh="true")
    assert refreshed.headers["x-portkey-cache-status"] == "REFRESH"
    cached_response = send_edit(
        upstreams, CACHED_TARGET, services=services, cache_force_refresh="false"
    )
    assert cached_response.headers["x-portkey-cache-status"] == "HIT"
    assert len(upstreams[0].calls) == 2


@pytest.mark.parametrize(
    ("fields", "headers"),
    [
        ({"prompt": "other"}, {}),
        ({"image": file_part(photo(65, 64))}, {}),
        ({"quality": "low"}, {}),
        ({"n": "2"}, {}),
        ({}, {"cache_namespace": "other"}),
    ],
)
def test_different_edit_is_a_cache_miss(upstreams, fields, headers):
    services = build_services({"OPENAI_BASE_URL": upstreams[0].url}, cache=InMemoryCache())
    send_edit(upstreams, CACHED_TARGET, services=services)
    assert send_edit(upstreams, CACHED_TARGET, fields, services=services, **headers).headers[
        "x-portkey-cache-status"
    ] == "MISS"  # fmt: skip


def test_re_encoded_upload_is_a_cache_hit(upstreams):
    services = build_services({"OPENAI_BASE_URL": upstreams[0].url}, cache=InMemoryCache())
    other = encode_image(decode_image(photo()), compress_level=0)
    assert other != photo()
    send_edit(upstreams, CACHED_TARGET, services=services)
    response = send_edit(upstreams, CACHED_TARGET, {"image": file_part(other)}, services=services)
    assert response.headers["x-portkey-cache-status"] == "HIT"


def test_cached_result_can_be_delivered_as_url(upstreams):
    env = {"OPENAI_BASE_URL": upstreams[0].url, "RETOUCH_BUCKET": "b"}
    services = build_services(env, cache=InMemoryCache())
    send_edit(upstreams, CACHED_TARGET, services=services)
    response = send_edit(upstreams, CACHED_TARGET, {"response_format": "url"}, services=services)
    assert response.headers["x-portkey-cache-status"] == "HIT"
    assert response.json["data"][0]["url"].startswith("https://")


def test_callers_with_different_keys_do_not_share_cache(upstreams):
    services = build_services({"OPENAI_BASE_URL": upstreams[0].url}, cache=InMemoryCache())
    config = {"provider": "openai", "cache": {"mode": "simple"}}
    for key in ("sk-one", "sk-two"):
        response = send_edit(upstreams, config, services=services, provider="openai", api_key=key)
        assert response.headers["x-portkey-cache-status"] == "MISS"


def test_failing_provider_opens_circuit_and_fallback_is_used(upstreams):
    openai, azure = upstreams
    openai.responses = [SERVER_ERROR]
    env = {"OPENAI_BASE_URL": openai.url, "AZURE_OPENAI_ENDPOINT": azure.url}
    services = build_services(env)
    for _ in range(5):
        assert send_edit(upstreams, A, services=services).status == 502
    response = send_edit(upstreams, A, services=services)
    assert (response.status, response.json["error"]["code"]) == (503, "provider_circuit_open")
    assert response.headers["x-retouch-billed"] == "no"
    assert len(openai.calls) == 5
    assert send_edit(upstreams, fallback_config(A, B), services=services).status == 200
    assert services.breaker.states()["openai"] == "open"


def test_client_errors_do_not_open_circuit(upstreams):
    openai, _ = upstreams
    openai.responses = [MODERATED]
    services = build_services({"OPENAI_BASE_URL": openai.url})
    for _ in range(8):
        assert send_edit(upstreams, A, services=services).status == 400
    assert services.breaker.states().get("openai", "closed") == "closed"


def test_retry_config_replaces_built_in_retries(upstreams):
    openai, _ = upstreams
    openai.responses = [
        json_response({"error": {"message": "slow down"}}, 429, **{"retry-after-ms": "50"})
    ]
    response = send_edit(upstreams, {**A, "retry": {"attempts": 1, "use_retry_after_header": True}})
    assert (response.status, target_and_retries(response), len(openai.calls)) == (
        429,
        ("config", "-1"),
        2,
    )


def test_request_log_line_has_trace_id(upstreams, capsys):
    send_edit(upstreams, A, {"image": "https://10.0.0.1/x.png"}, trace_id="t-9")
    log_lines = [
        json.loads(line) for line in capsys.readouterr().out.splitlines() if "trace" in line
    ]
    assert {line["trace_id"] for line in log_lines if line.get("message") == "request"} == {"t-9"}


COMPLETED_EVENT = {"type": "image_edit.completed", "b64_json": b64(photo())}


@pytest.mark.parametrize(
    ("stream", "response"), [("false", IMAGE_RESPONSE), ("true", sse_response(COMPLETED_EVENT))]
)
def test_log_line_without_debug_has_no_notes(upstreams, capsys, stream, response):
    upstreams[0].responses, lines_by_debug = [response], {}
    fields = {"size": "256x256", "fit": "scale", "stream": stream}
    for debug in ("true", "false"):
        response = send_edit(upstreams, A, fields, debug=debug)
        assert "rendered at 1024x1024" in response.headers["x-retouch-notes"]
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        (lines_by_debug[debug],) = [line for line in lines if line.get("message") == "request"]
    assert "rendered at 1024x1024" in str(lines_by_debug["true"]["notes"])
    assert lines_by_debug["true"].keys() - lines_by_debug["false"].keys() == {"notes"}
    assert "rendered" not in str(lines_by_debug["false"])


def test_invalid_config_header_does_not_fail_health_check():
    services = build_services()
    headers = {"x-portkey-config": "{"}
    assert (
        send_event(
            proxy_event(method="GET", path="/health", headers=headers), services=services
        ).status
        == 200
    )


KEYS = {
    "TeamA": {"provider": "openai", "api_key": "sk-team"},
    "az": {"provider": "azure-openai", "api_key": "az-team"},
    "ob": {"provider": "openai", "api_key": "sk-ob"},
}


def services_with_virtual_keys(world, **env):
    openai, azure = world
    env = {"OPENAI_BASE_URL": openai.url, "AZURE_OPENAI_ENDPOINT": azure.url, **env}
    return build_services(env, secrets={"RETOUCH_VIRTUAL_KEYS": json.dumps(KEYS)})


def send_rejected_edit(world, param, *args, **kwargs):
    response = send_edit(world, *args, **kwargs)
    error = response.json["error"]
    assert (response.status, error["param"]) == (400, param), error
    assert response.headers["x-retouch-billed"] == "no"
    assert world[0].received == world[1].received == []
    return error["message"]


@pytest.mark.parametrize("option", ["azure_resource_name", "azure_deployment_id"])
def test_address_option_with_saved_config_key_is_rejected(upstreams, option):
    saved = {"configs/pc-team.json": json.dumps(B).encode()}
    services = build_services({"AZURE_OPENAI_ENDPOINT": upstreams[1].url}, configs=saved)
    param = f"x-portkey-{option.replace('_', '-')}"
    send_rejected_edit(upstreams, param, "pc-team", services=services, **{option: "attacker"})


def test_request_key_is_never_sent_to_two_providers(upstreams):
    models = ("azure-openai/gpt-image-2", "openai/gpt-image-2")
    config = fallback_config(*({"override_params": {"model": model}} for model in models))
    response = send_edit(upstreams, config, api_key="sk-openai")
    assert (response.status, upstreams[0].received, upstreams[1].received) == (401, [], [])
    upstreams[1].responses = [RATE_LIMITED]
    services = services_with_virtual_keys(upstreams, AZURE_OPENAI_API_KEY="az-op")
    assert (
        send_edit(
            upstreams, config, services=services, provider="openai", api_key="sk-openai"
        ).status
        == 200
    )
    assert upstreams[1].calls[0].headers["api-key"] == "az-op"
    assert upstreams[0].calls[0].headers["authorization"] == "Bearer sk-openai"


def test_each_credential_has_its_own_cache_entries(upstreams):
    services = build_services(
        {"OPENAI_BASE_URL": upstreams[0].url},
        cache=InMemoryCache(),
        secrets={"RETOUCH_VIRTUAL_KEYS": json.dumps(KEYS)},
    )
    cached = {"cache": {"mode": "simple"}}
    configs = (
        {"provider": "openai", "api_key": "sk-alice"},
        {"provider": "openai", "api_key": "sk-mallory"},
        {"targets": [{"provider": "openai", "api_key": "sk-x"}]},
        {"virtual_key": "TeamA"},
        {"virtual_key": "ob"},
    )
    for config in configs:
        statuses = [
            send_edit(upstreams, {**config, **cached}, services=services).headers[
                "x-portkey-cache-status"
            ]
            for _ in range(2)
        ]
        assert statuses == ["MISS", "HIT"], config


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
def test_inapplicable_config_option_is_rejected(upstreams, config, param):
    services = services_with_virtual_keys(
        upstreams, AZURE_OPENAI_API_KEY="az-op", OPENAI_API_KEY="sk-op"
    )
    message = send_rejected_edit(upstreams, param, config, services=services)
    assert "MY-OWN" not in message


def test_virtual_key_of_other_provider_is_rejected(upstreams):
    config = {"provider": "azure-openai", "virtual_key": "TeamA"}
    response = send_edit(upstreams, config, services=services_with_virtual_keys(upstreams))
    assert (response.status, response.headers["x-retouch-billed"]) == (400, "no")
    assert "Two providers or keys are named" in response.json["error"]["message"]
    assert upstreams[0].received == upstreams[1].received == []


def test_azure_access_token_of_caller_is_used(upstreams):
    token = "eyJ0eXAi.caller"
    headers = {"azure_ad_token": token, "azure_deployment_id": "mine"}
    services = services_with_virtual_keys(upstreams, AZURE_OPENAI_API_KEY="az-op")
    response = send_edit(upstreams, services=services, provider="azure-openai", **headers)
    assert response.status == 200, response.json
    (call,) = upstreams[1].calls
    assert call.path == "/openai/deployments/mine/images/edits"
    assert call.headers["authorization"] == f"Bearer {token}"
    assert "api-key" not in call.headers


def test_openai_option_headers_are_sent(upstreams):
    options = {"openai_organization": "org", "openai_project": "proj", "openai_beta": "b=v2"}
    send_edit(upstreams, provider="openai", api_key="sk-mine", **options)
    sent = upstreams[0].calls[0].headers
    assert (sent["openai-organization"], sent["openai-project"]) == ("org", "proj")
    assert sent["openai-beta"] == "b=v2"


def test_stability_client_headers_are_sent(upstreams):
    services = build_services({"STABILITY_BASE_URL": upstreams[0].url})
    upstreams[0].responses = [json_response({"image": b64(photo()), "finish_reason": "SUCCESS"})]
    client_options = {"id": "app", "user_id": "u", "version": "9"}
    headers = {
        f"x-portkey-stability-client-{n.replace('_', '-')}": v for n, v in client_options.items()
    }
    headers |= {"x-portkey-provider": "stability-ai", "x-portkey-api-key": "sk-mine"}
    fields = {"prompt": "p", "image": file_part(photo()), "model": "search-and-replace"}
    fields["search_prompt"] = "s"
    response = post_edit(fields, headers=headers, services=services)
    assert response.status == 200, response.json
    sent = upstreams[0].calls[0].headers
    assert [sent[f"stability-client-{name.replace('_', '-')}"] for name in client_options] == [
        "app",
        "u",
        "9",
    ]
    twice = post_edit({**fields, "user": "u"}, headers=headers, services=services)
    assert (twice.status, twice.json["error"]["param"]) == (400, "user")
    assert len(upstreams[0].calls) == 1


def test_aws_role_option_is_rejected_with_remedy(upstreams):
    services = build_services({"BEDROCK_BASE_URL": upstreams[0].url, "BEDROCK_API_KEY": "op"})
    fields = {"model": "erase", "prompt": "", "mask": file_part(box_mask())}
    role = {"aws_role_arn": "arn:aws:iam::123456789012:role/mine", "aws_external_id": "x"}
    message = send_rejected_edit(
        upstreams, "x-portkey-aws-role-arn", None, fields, services, provider="bedrock", **role
    )
    assert "a Bedrock API key of your own" in message


@pytest.mark.parametrize("key", ["sk-SEC\nRET", "sk-SECé", "rt_SEC"])
def test_invalid_config_key_is_rejected_and_never_logged(upstreams, capsys, key):
    message = send_rejected_edit(
        upstreams, "x-portkey-config", {"provider": "openai", "api_key": key}
    )
    assert "config.api_key" in message
    assert "SEC" not in message + capsys.readouterr().out


def test_placeholder_key_in_config_is_ignored(upstreams):
    response = send_edit(upstreams, {"provider": "openai", "api_key": "undefined"})
    assert (response.status, upstreams[0].received) == (401, [])


@pytest.mark.parametrize("value", ["日本", "é"])
def test_value_invalid_in_header_is_not_forwarded(upstreams, value):
    services = services_with_virtual_keys(upstreams, RETOUCH_FORWARD_HEADERS="x-team")
    headers = {"x-portkey-config": json.dumps(A), "x-portkey-forward-headers": "x-team"}
    response = post_edit(FIELDS, headers={**headers, "x-team": value}, services=services)
    assert (response.status, upstreams[0].received) == (400, [])
    organization = {"provider": "openai", "api_key": "k", "openai_organization": value}
    send_rejected_edit(upstreams, "x-portkey-openai-organization", **organization)


@pytest.mark.parametrize(
    "broken",
    [
        {**B, "input_guardrails": [{"nope.check": {}}]},
        {**B, "custom_host": "https://unknown.example"},
        {**B, "forward_headers": ["x-unknown"]},
        {**B, "override_params": {"quality": "low", "model": "openai/nope"}},
        {"provider": "openai", "override_params": {"model": "nope"}},
        {**B, "override_params": {"n": 99}},
        {"virtual_key": "nobody"},
        {"provider": "@nobody"},
        {**B, "azure_resource_name": "unknown.example/#"},
    ],
)
@pytest.mark.parametrize("build_config", [fallback_config, lambda a, b, **_: {"targets": [a, b]}])
def test_invalid_target_is_rejected_before_any_call(upstreams, broken, build_config):
    upstreams[0].responses = [SERVER_ERROR]
    config = build_config(A, broken, on_status_codes=[500])
    headers = {"x-portkey-config": json.dumps(config), "x-unknown": "1"}
    response = post_edit(FIELDS, headers=headers, services=services_with_virtual_keys(upstreams))
    assert response.status in (400, 404)
    assert response.headers["x-retouch-billed"] == "no"
    assert upstreams[0].received == upstreams[1].received == []


@pytest.mark.parametrize(
    ("arguments", "served"),
    [
        ({"config": {"provider": "@TeamA"}}, "openai"),
        ({"provider": "@TeamA"}, "openai"),
        ({"virtual_key": "teama"}, "openai"),
        ({"fields": {"model": "@az/gpt-image-2"}}, "azure-openai"),
        ({"fields": {"model": "azure-openai/gpt-image-2"}, "api_key": "k"}, "azure-openai"),
    ],
)
@pytest.mark.parametrize("provider_response", [IMAGE_RESPONSE, SERVER_ERROR])
def test_provider_header_names_serving_provider(upstreams, arguments, served, provider_response):
    upstreams[0].responses = upstreams[1].responses = [provider_response]
    services = services_with_virtual_keys(upstreams)
    response = send_edit(upstreams, services=services, trace_id="t-1", **arguments)
    assert response.headers["x-portkey-provider"] == served
    assert len(upstreams[0].calls) + len(upstreams[1].calls) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        {"virtual_key": "TeamA"},
        {"provider": "@TeamA"},
        {"provider": "stability-ai"},
        {"provider": "openai", "api_key": "sk-mine"},
    ],
)
def test_virtual_key_in_model_conflicts_with_other_credentials(upstreams, arguments):
    response = send_edit(
        upstreams,
        None,
        {"model": "@ob/gpt-image-2"},
        services_with_virtual_keys(upstreams),
        **arguments,
    )
    assert (response.status, response.headers["x-retouch-billed"]) == (400, "no")
    assert "Two providers or keys are named" in response.json["error"]["message"]
    assert upstreams[0].received == []


def test_operator_organization_is_not_sent_with_other_key(upstreams):
    env = {
        "OPENAI_BASE_URL": upstreams[0].url,
        "OPENAI_ORGANIZATION": "org-op",
        "OPENAI_PROJECT": "p",
    }
    services = build_services({**env, "OPENAI_API_KEY": "sk-op"})
    assert send_edit(upstreams, services=services).status == 200
    assert (
        send_edit(upstreams, services=services, provider="openai", api_key="sk-mine").status == 200
    )
    operator_headers, caller_headers = (call.headers for call in upstreams[0].calls)
    assert (operator_headers["openai-organization"], operator_headers["openai-project"]) == (
        "org-op",
        "p",
    )
    assert caller_headers.keys().isdisjoint({"openai-organization", "openai-project"})


def test_saved_config_key_without_provider_is_rejected(upstreams):
    configs = {"configs/pc-loose.json": json.dumps({"api_key": "sk-op"}).encode()}
    services = build_services({"OPENAI_BASE_URL": upstreams[0].url}, configs=configs)
    response = send_edit(upstreams, "pc-loose", services=services, provider="openai")
    assert (response.status, response.json["error"]["code"]) == (400, "invalid_config")
    assert "must name its provider" in response.json["error"]["message"]
    assert upstreams[0].received == []
