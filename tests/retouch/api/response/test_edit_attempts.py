"""Tests of what a response says about its attempts: billing, serving provider, cache status and source of errors."""

import json
from contextlib import ExitStack

import pytest

from retouch.api.response.headers import response_headers
from retouch.core.errors import UpstreamError
from retouch.gateway.result import AttemptRecord, EditResult, RoutingReport
from tests.support.events import json_event, proxy_event
from tests.support.gateway_client import file_part, post_edit, send_event
from tests.support.images import b64, box_mask, photo
from tests.support.services import InMemoryCache, build_services
from tests.support.upstream import ScriptedResponse, Upstream, json_response, sse_response

IMAGE_RESPONSE = json_response({"created": 1, "data": [{"b64_json": b64(photo())}]})
RATE_LIMITED = json_response(
    {"error": {"message": "slow down", "code": "rate_limit_exceeded"}}, 429
)
SERVER_ERROR = json_response({"error": {"message": "oops"}}, 500)
STREAMED = {"b64_json": b64(photo()), "created_at": 1, "output_format": "png"}
COMPLETED_EVENT = {"type": "image_edit.completed", **STREAMED}
PARTIAL_EVENT = {"type": "image_edit.partial_image", **STREAMED, "partial_image_index": 0}
FIELDS = {"prompt": "p", "image": file_part(photo()), "model": "gpt-image-2"}
A = {"provider": "openai", "api_key": "sk-a"}
B = {"provider": "azure-openai", "api_key": "az-b"}
CACHED_TARGET = {**A, "cache": {"mode": "simple"}}
LOCAL_TARGET = {"provider": "local", "override_params": {"model": "local/erase"}}
NO_PASSPORTS_HOOK = {"default.contains": {"words": ["passport"], "operator": "none"}}


@pytest.fixture
def gateway_setup():
    with ExitStack() as stack:
        openai, azure = (
            stack.enter_context(Upstream(IMAGE_RESPONSE)),
            stack.enter_context(Upstream(IMAGE_RESPONSE)),
        )
        env = {"OPENAI_BASE_URL": openai.url, "AZURE_OPENAI_ENDPOINT": azure.url}
        yield openai, azure, build_services(env, cache=InMemoryCache())


def send_edit(world, config=None, fields=(), services=None, **headers):
    header_values = {
        f"x-portkey-{name.replace('_', '-')}": value for name, value in headers.items()
    }
    if config:
        header_values["x-portkey-config"] = json.dumps(config)
    return post_edit(
        {**FIELDS, **dict(fields)}, headers=header_values, services=services or world[2]
    )


def fallback_config(*targets, **strategy):
    return {"strategy": {"mode": "fallback", **strategy}, "targets": list(targets)}


def billing_headers(response):
    return response.headers["x-retouch-billed"], response.headers.get("x-retouch-attempts")


class TestBilling:
    def test_single_attempt_has_no_attempts_header(self, gateway_setup):
        assert billing_headers(send_edit(gateway_setup, A)) == ("yes", None)

    def test_free_response_reports_unknown_billing_of_earlier_attempt(self, gateway_setup):
        gateway_setup[0].responses = [SERVER_ERROR]
        response = send_edit(
            gateway_setup,
            fallback_config(A, LOCAL_TARGET, on_status_codes=[500]),
            {"mask": file_part(box_mask())},
        )
        assert response.status == 200
        assert billing_headers(response) == ("unknown", "targets[0]=502;unknown, targets[1]=200;no")

    def test_free_response_reports_unknown_billing_of_earlier_timeout(self, gateway_setup):
        gateway_setup[0].responses = [ScriptedResponse(network_failure="hang")]
        config = {**fallback_config(A, LOCAL_TARGET, on_status_codes=[408]), "request_timeout": 300}
        response = send_edit(gateway_setup, config, {"mask": file_part(box_mask())})
        assert billing_headers(response) == ("unknown", "targets[0]=408;unknown, targets[1]=200;no")

    def test_cached_response_reports_unknown_billing_of_earlier_attempt(self, gateway_setup):
        assert send_edit(gateway_setup, CACHED_TARGET).headers["x-portkey-cache-status"] == "MISS"
        gateway_setup[0].responses = [SERVER_ERROR]
        first = {**A, "override_params": {"quality": "low"}}
        response = send_edit(
            gateway_setup, fallback_config(first, CACHED_TARGET, on_status_codes=[500])
        )
        assert response.headers["x-portkey-cache-status"] == "HIT"
        assert billing_headers(response) == ("unknown", "targets[0]=502;unknown, targets[1]=200;no")

    def test_free_attempts_are_reported_as_not_billed(self, gateway_setup):
        gateway_setup[0].responses = [RATE_LIMITED]
        response = send_edit(
            gateway_setup, fallback_config(A, LOCAL_TARGET), {"mask": file_part(box_mask())}
        )
        assert billing_headers(response) == ("no", "targets[0]=429;no, targets[1]=200;no")

    def test_retries_are_listed_in_attempts_header(self, gateway_setup):
        gateway_setup[0].responses = [RATE_LIMITED, RATE_LIMITED, IMAGE_RESPONSE]
        response = send_edit(gateway_setup, {**A, "retry": {"attempts": 2}})
        assert billing_headers(response) == ("yes", "config=429;no, config=429;no, config=200;yes")

    def test_cost_header_covers_only_the_successful_attempt(self, gateway_setup):
        gateway_setup[0].responses = [SERVER_ERROR, IMAGE_RESPONSE]
        config = {**A, "retry": {"attempts": 1, "may_buy_twice": True}}
        response = send_edit(gateway_setup, config)
        assert billing_headers(response) == ("yes", "config=502;unknown, config=200;yes")
        assert response.headers["x-retouch-cost-usd"] == "0.053 estimated"

    def test_attempts_header_is_present_when_all_attempts_fail(self, gateway_setup):
        gateway_setup[0].responses = [SERVER_ERROR]
        gateway_setup[1].responses = [RATE_LIMITED]
        response = send_edit(gateway_setup, fallback_config(A, B, on_status_codes=[500]))
        assert response.status == 429
        assert billing_headers(response) == ("unknown", "targets[0]=502;unknown, targets[1]=429;no")

    def test_streamed_response_has_attempts_header(self, gateway_setup):
        gateway_setup[0].responses = [RATE_LIMITED]
        gateway_setup[1].responses = [sse_response(COMPLETED_EVENT)]
        response = send_edit(gateway_setup, fallback_config(A, B), {"stream": "true"})
        assert billing_headers(response) == ("yes", "targets[0]=429;no, targets[1]=200;yes")

    def test_log_line_has_billing_of_every_attempt(self, gateway_setup, capsys):
        gateway_setup[0].responses = [RATE_LIMITED]
        send_edit(gateway_setup, fallback_config(A, B))
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        (line,) = [line for line in lines if line.get("message") == "request"]
        assert [attempt["billed"] for attempt in line["attempts"]] == ["no", "yes"]

    def test_attempts_header_lists_last_16_attempts(self):
        attempts = tuple(AttemptRecord(f"config.targets[{n}]", 429, None, "no") for n in range(40))
        last = AttemptRecord("config.targets[39]", 200, None, "yes")
        routing = RoutingReport("config.targets[39]", 0, (*attempts[:39], last))
        result = EditResult(UpstreamError("broken"), routing=routing)
        listed = response_headers(result, "id", "openai-api")["x-retouch-attempts"].split(", ")
        assert (len(listed), listed[0], listed[-1]) == (
            16,
            "targets[24]=429;no",
            "targets[39]=200;yes",
        )


class TestProvider:
    def test_provider_header_names_provider_of_virtual_key(self, gateway_setup):
        openai = gateway_setup[0]
        text = json.dumps({"oa": {"provider": "openai", "api_key": "k"}})
        services = build_services({"OPENAI_BASE_URL": openai.url, "RETOUCH_VIRTUAL_KEYS": text})
        response = send_edit(gateway_setup, {"provider": "@oa"}, services=services)
        assert response.headers["x-portkey-provider"] == "openai"
        openai.responses = [SERVER_ERROR]
        assert (
            send_edit(gateway_setup, {"provider": "@oa"}, services=services).headers[
                "x-portkey-provider"
            ]
            == "openai"
        )

    def test_provider_header_is_set_on_error(self, gateway_setup):
        gateway_setup[0].responses = [SERVER_ERROR]
        response = send_edit(gateway_setup, provider="openai", api_key="k")
        assert (response.status, response.headers["x-portkey-provider"]) == (502, "openai")

    def test_provider_header_is_missing_for_unknown_model(self, gateway_setup):
        response = send_edit(
            gateway_setup, provider="openai", api_key="k", config=None, fields={"model": "nope"}
        )
        assert response.status == 404
        assert "x-portkey-provider" not in response.headers


class TestDialect:
    @pytest.fixture
    def services(self, gateway_setup):
        openai, _, _ = gateway_setup
        openai.responses = [IMAGE_RESPONSE]
        return build_services({"OPENAI_BASE_URL": openai.url, "OPENAI_API_KEY": "sk"})

    @pytest.mark.parametrize("answer", [IMAGE_RESPONSE, SERVER_ERROR, RATE_LIMITED])
    @pytest.mark.parametrize("fields", [{}, {"model": "nope"}, {"dry_run": "true"}])
    def test_plain_openai_caller_gets_no_header_of_portkey(
        self, gateway_setup, services, answer, fields
    ):
        gateway_setup[0].responses = [answer]
        headers = send_edit(gateway_setup, services=services, fields=fields).headers
        assert [name for name in headers if name.startswith("x-portkey")] == []

    def test_stream_of_plain_openai_caller_has_no_header_of_portkey(self, gateway_setup, services):
        gateway_setup[0].responses = [sse_response(COMPLETED_EVENT)]
        response = send_edit(gateway_setup, services=services, fields={"stream": "true"})
        assert response.headers["content-type"].startswith("text/event-stream")
        assert [name for name in response.headers if name.startswith("x-portkey")] == []

    @pytest.mark.parametrize("header", ["trace_id", "metadata", "debug"])
    def test_request_with_a_single_header_of_portkey_gets_all_of_its_headers(
        self, gateway_setup, services, header
    ):
        headers = send_edit(gateway_setup, services=services, **{header: "false"}).headers
        assert {name for name in headers if name.startswith("x-portkey")} == {
            "x-portkey-provider",
            "x-portkey-cache-status",
            "x-portkey-last-used-option-index",
            "x-portkey-retry-attempt-count",
            "x-portkey-trace-id",
        }


class TestCache:
    @pytest.mark.parametrize(
        ("headers", "cache_status"), [({}, "MISS"), ({"cache_force_refresh": "true"}, "REFRESH")]
    )
    def test_error_after_cache_lookup_has_cache_status(self, gateway_setup, headers, cache_status):
        gateway_setup[0].responses = [SERVER_ERROR]
        response = send_edit(gateway_setup, CACHED_TARGET, **headers)
        assert (response.status, response.headers["x-portkey-cache-status"]) == (502, cache_status)

    def test_denied_cached_result_has_status_hit_and_is_not_billed(self, gateway_setup):
        send_edit(gateway_setup, CACHED_TARGET)
        tiny = {"retouch.output": {"maxMegapixels": 0.000001}, "deny": True}
        response = send_edit(gateway_setup, {**CACHED_TARGET, "output_guardrails": [tiny]})
        assert (response.status, response.headers["x-portkey-cache-status"]) == (446, "HIT")
        assert response.headers["x-retouch-billed"] == "no"

    def test_cache_hit_has_no_cost_header(self, gateway_setup):
        first, second = (
            send_edit(gateway_setup, CACHED_TARGET),
            send_edit(gateway_setup, CACHED_TARGET),
        )
        assert first.headers["x-retouch-cost-usd"] == "0.053 estimated"
        assert second.headers["x-portkey-cache-status"] == "HIT"
        assert "x-retouch-cost-usd" not in second.headers

    def test_result_with_too_few_images_is_not_cached(self, gateway_setup):
        for calls in (1, 2):
            response = send_edit(gateway_setup, CACHED_TARGET, {"n": "2"})
            assert (response.status, len(response.json["data"])) == (200, 1)
            assert response.headers["x-portkey-cache-status"] == "MISS"
            assert len(gateway_setup[0].calls) == calls

    def test_response_without_cache_lookup_has_status_disabled(self, gateway_setup):
        gateway_setup[0].responses = [SERVER_ERROR]
        assert send_edit(gateway_setup, A).headers["x-portkey-cache-status"] == "DISABLED"
        response = send_edit(gateway_setup, CACHED_TARGET, {"quality": "shiny"})
        assert (response.status, response.headers["x-portkey-cache-status"]) == (400, "DISABLED")


class TestStreamedGuardrails:
    def send_streamed_edit(self, world, prompt, **headers):
        world[0].responses = [sse_response(PARTIAL_EVENT, COMPLETED_EVENT)]
        config = {**A, "input_guardrails": [NO_PASSPORTS_HOOK]}
        fields = {"stream": "true", "partial_images": "1", "prompt": prompt}
        return send_edit(world, config, fields, **headers)

    def test_failed_hook_in_stream_is_246_and_in_final_event(self, gateway_setup):
        response = self.send_streamed_edit(gateway_setup, "forge a passport")
        assert response.status == 246
        (_, partial), (name, done) = response.frames
        assert (name, done["b64_json"]) == ("image_edit.completed", b64(photo()))
        assert done["hook_results"]["before_request_hooks"][0]["verdict"] is False
        assert "hook_results" not in partial

    @pytest.mark.parametrize(("strict", "is_reported"), [("true", False), ("false", True)])
    def test_passed_hook_in_stream_is_reported_only_without_strict_compliance(
        self, gateway_setup, strict, is_reported
    ):
        response = self.send_streamed_edit(gateway_setup, "p", strict_open_ai_compliance=strict)
        assert response.status == 200
        assert ("hook_results" in response.frames[-1][1]) is is_reported

    def test_failure_before_first_event_keeps_its_status(self, gateway_setup):
        openai = gateway_setup[0]
        config = {**A, "input_guardrails": [NO_PASSPORTS_HOOK]}
        openai.responses = [SERVER_ERROR]
        response = send_edit(gateway_setup, config, {"stream": "true", "prompt": "passport"})
        assert (response.status, response.json["error"]["code"]) == (502, "provider_error")


class TestErrorSource:
    def test_gateway_error_has_status_failure_for_portkey_callers(self, gateway_setup):
        response = send_edit(gateway_setup, provider="nobody")
        assert (response.status, response.json["status"]) == (400, "failure")
        assert response.json["error"]["code"] == "unsupported_provider"
        assert "x-portkey-gateway-exception" not in response.headers

    def test_misconfiguration_has_gateway_exception_header(self, gateway_setup):
        openai, _, _ = gateway_setup
        openai.responses = [
            json_response({"error": {"message": "no", "code": "invalid_api_key"}}, 401)
        ]
        services = build_services({"OPENAI_BASE_URL": openai.url, "OPENAI_API_KEY": "sk-op"})
        response = send_edit(gateway_setup, provider="openai", services=services)
        assert (response.status, response.json["error"]["code"]) == (500, "provider_credentials")
        assert response.headers["x-portkey-gateway-exception"] == "true"

    def test_provider_error_is_not_marked_as_gateway_error(self, gateway_setup):
        gateway_setup[0].responses = [SERVER_ERROR]
        response = send_edit(gateway_setup, A)
        assert set(response.json) == {"error"}
        assert "x-portkey-gateway-exception" not in response.headers

    def test_request_without_portkey_headers_gets_only_openai_envelope(self):
        response = send_event(json_event({"prompt": "p"}))
        assert (response.status, set(response.json)) == (400, {"error"})

    def test_gateway_error_is_marked_on_every_route(self):
        unknown_route = proxy_event(
            method="GET", path="/nowhere", headers={"x-portkey-trace-id": "t"}
        )
        assert send_event(unknown_route).status == 404
        doctor = proxy_event("text/plain", b"x", {"x-portkey-trace-id": "t"}, path="/v1/doctor")
        assert send_event(doctor).json["status"] == "failure"


class TestRetries:
    @pytest.mark.parametrize("header", ["retry-after", "retry-after-ms", "x-ms-retry-after-ms"])
    def test_retry_after_zero_is_retried_configured_number_of_times(self, gateway_setup, header):
        openai, _, _ = gateway_setup
        openai.responses = [json_response({"error": {"message": "x"}}, 429, **{header: "0"})]
        config = {**A, "retry": {"attempts": 5, "use_retry_after_header": True}}
        response = send_edit(gateway_setup, config)
        assert (response.status, response.headers["x-portkey-retry-attempt-count"]) == (429, "-1")
        assert len(openai.calls) == 6

    def test_retry_after_milliseconds_header_is_honoured(self, gateway_setup):
        openai, _, services = gateway_setup
        openai.responses = [
            json_response({"error": {"message": "x"}}, 429, **{"x-ms-retry-after-ms": "50"}),
            IMAGE_RESPONSE,
        ]
        retry = {"attempts": 1, "use_retry_after_header": True}
        assert send_edit(gateway_setup, {**A, "retry": retry}).status == 200
        assert services.clock.sleeps == [0.05]
