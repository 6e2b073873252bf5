"""Tests that a retry never pays twice: which calls are repeated, which are not, and the reported billing."""

import pytest

from devserver.ports import unused_port
from retouch.core.clock import SystemClock
from tests.support.gateway_client import file_part, post_edit
from tests.support.images import b64, photo
from tests.support.services import FakeClock, build_services
from tests.support.upstream import ScriptedResponse, Upstream, json_response

IMAGE_RESPONSE = json_response({"created": 1, "data": [{"b64_json": b64(photo())}]})
FIELDS = {"model": "gpt-image-2", "prompt": "p", "image": file_part(photo())}


def send_edit(upstream, seconds=60.0, clock=None, **env):
    clock = clock or FakeClock()
    settings = {"OPENAI_API_KEY": "sk-k", "OPENAI_BASE_URL": upstream.url, **env}
    response = post_edit(FIELDS, services=build_services(settings, clock), seconds=seconds)
    return response, clock


def error_response(code=None, status=500, message="no", **headers):
    return json_response(
        {"error": {"message": message, "type": "x", "code": code}}, status, **headers
    )


@pytest.mark.parametrize(
    ("upstream_response", "status", "code", "billed", "should_retry"),
    [
        (ScriptedResponse(network_failure="reset"), 502, "provider_error", "unknown", "false"),
        (
            ScriptedResponse(network_failure="early-reset"),
            502,
            "provider_error",
            "unknown",
            "false",
        ),
        (
            ScriptedResponse(200, b"x" * 1000, network_failure="cut"),
            502,
            "provider_error",
            "unknown",
            "false",
        ),
        (ScriptedResponse(200, b"<html>"), 502, "provider_error", "unknown", "false"),
        (json_response({"data": []}), 502, "no_image_returned", "unknown", "false"),
        (json_response({"data": [{}]}), 502, "no_image_returned", "unknown", "false"),
        (error_response(), 502, "provider_error", "unknown", "false"),
        (ScriptedResponse(503, b"<html>busy</html>"), 502, "provider_error", "unknown", "false"),
        (ScriptedResponse(504, b""), 504, "deadline_exceeded", "unknown", "false"),
        (
            ScriptedResponse(302, b"", {"location": "http://127.0.0.1:1/"}),
            502,
            "provider_error",
            "unknown",
            "false",
        ),
        (
            error_response("rate_limit_exceeded", 429, **{"retry-after": "7"}),
            429,
            "rate_limit_exceeded",
            "no",
            None,
        ),
        (
            error_response("insufficient_quota", 429, **{"retry-after": "1"}),
            429,
            "insufficient_quota",
            "no",
            "false",
        ),
        (error_response("moderation_blocked", 400), 400, "moderation_blocked", "unknown", "false"),
        (error_response("invalid_api_key", 401), 500, "provider_credentials", "no", "false"),
        (error_response("invalid_value", 400), 400, "invalid_value", "no", "false"),
    ],
)
def test_failed_paid_call_is_not_repeated(upstream_response, status, code, billed, should_retry):
    with Upstream(upstream_response, IMAGE_RESPONSE) as upstream:
        response, clock = send_edit(upstream)
        assert len(upstream.calls) == 1
    assert (response.status, response.json["error"]["code"]) == (status, code)
    assert response.headers["x-retouch-billed"] == billed
    assert response.headers.get("x-should-retry") == should_retry
    assert clock.sleeps == []


def test_rate_limit_response_keeps_retry_after():
    with Upstream(error_response("rate_limit_exceeded", 429, **{"retry-after": "7"})) as upstream:
        response, _ = send_edit(upstream)
    assert response.headers["retry-after"] == "7"


def test_short_retry_after_is_waited_for():
    limited = error_response("rate_limit_exceeded", 429, **{"retry-after": "3"})
    with Upstream(limited, IMAGE_RESPONSE) as upstream:
        response, clock = send_edit(upstream)
        assert len(upstream.calls) == 2
    assert response.status == 200
    assert clock.sleeps[0] >= 3


def test_retry_after_beyond_deadline_is_not_waited_for():
    limited = error_response("rate_limit_exceeded", 429, **{"retry-after": "4"})
    with Upstream(limited, IMAGE_RESPONSE) as upstream:
        response, clock = send_edit(upstream, seconds=5.0)
        assert len(upstream.calls) == 1
    assert response.status == 429
    assert clock.sleeps == []


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"retry-after-ms": "6001"}, "7"),
        ({"retry-after": "2592000"}, "2592000"),
        ({"retry-after": "9" * 400}, "31536000"),
        ({"retry-after": "5.01"}, "6"),
    ],
)
def test_retry_after_of_caller_is_whole_seconds_rounded_up(headers, expected):
    with Upstream(error_response("rate_limit_exceeded", 429, **headers)) as upstream:
        response, _ = send_edit(upstream)
    assert response.headers["retry-after"] == expected


@pytest.mark.parametrize("retry_count", ["0", "1"])
@pytest.mark.parametrize(
    "limited",
    [
        error_response("rate_limit_exceeded", 429, **{"retry-after": "1"}),
        error_response("server_is_overloaded", 503, **{"retry-after": "1"}),
    ],
    ids=["rate limit", "overload"],
)
def test_gateway_leaves_retry_to_sdk_that_retries_itself(limited, retry_count):
    with Upstream(limited, IMAGE_RESPONSE) as upstream:
        env = {"OPENAI_API_KEY": "sk-k", "OPENAI_BASE_URL": upstream.url}
        services = build_services(env, FakeClock())
        headers = {"x-stainless-retry-count": retry_count}
        response = post_edit(FIELDS, services=services, headers=headers)
        assert len(upstream.calls) == 1
    assert response.headers["retry-after"] == "1"
    assert "x-should-retry" not in response.headers


def test_sdk_does_not_repeat_retries_of_config():
    config = '{"provider": "openai", "retry": {"attempts": 2}}'
    with Upstream(error_response("rate_limit_exceeded", 429, **{"retry-after": "9"})) as upstream:
        env = {"OPENAI_API_KEY": "sk-k", "OPENAI_BASE_URL": upstream.url}
        headers = {"x-stainless-retry-count": "0", "x-portkey-config": config}
        response = post_edit(FIELDS, services=build_services(env, FakeClock()), headers=headers)
        assert len(upstream.calls) == 3
    assert (response.headers["x-should-retry"], response.headers["retry-after"]) == ("false", "9")


def test_overloaded_provider_is_called_at_most_three_times():
    with Upstream(error_response("server_is_overloaded", 503)) as upstream:
        response, _ = send_edit(upstream)
        assert len(upstream.calls) == 3
    assert response.headers["x-retouch-billed"] == "no"


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(("value", "calls"), [("false", 1), ("true", 3)])
def test_retry_that_the_provider_forbids_is_not_made(status, value, calls):
    body = {"error": {"message": "later", "code": "slow_down"}}
    headers = {"x-should-retry": value, "retry-after": "1"}
    with Upstream(json_response(body, status, **headers)) as upstream:
        response, _ = send_edit(upstream)
        assert len(upstream.calls) == calls
    assert response.headers["x-retouch-billed"] == "no"


def test_connect_failure_is_retried_and_not_billed():
    clock = FakeClock()
    env = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": f"http://127.0.0.1:{unused_port()}"}
    response = post_edit(FIELDS, services=build_services(env, clock))
    assert response.status == 502
    assert response.json["error"]["code"] == "provider_unreachable"
    assert response.headers["x-retouch-billed"] == "no"
    assert "x-should-retry" not in response.headers
    assert len(clock.sleeps) == 2


def test_hanging_provider_ends_at_deadline_with_504():
    with Upstream(ScriptedResponse(network_failure="hang")) as upstream:
        response, _ = send_edit(upstream, seconds=2.0, RETOUCH_LEAST_CALL_SECONDS="0.1")
        assert len(upstream.calls) == 1
    assert response.status == 504
    assert response.headers["x-retouch-billed"] == "unknown"
    assert response.headers["x-should-retry"] == "false"


def test_slow_response_body_ends_at_deadline_with_504():
    drip = ScriptedResponse(chunks=[b"x"] * 100, chunk_interval=0.1)
    with Upstream(drip) as upstream:
        response, _ = send_edit(upstream, 2.2, SystemClock(), RETOUCH_LEAST_CALL_SECONDS="0.1")
    assert response.status == 504
    assert response.headers["x-should-retry"] == "false"


def test_too_little_time_left_starts_no_call():
    with Upstream(IMAGE_RESPONSE) as upstream:
        response, _ = send_edit(upstream, seconds=1.5)
        assert upstream.calls == []
    assert response.status == 504
    assert response.headers["x-retouch-billed"] == "no"


@pytest.mark.parametrize(
    ("stage", "billed"), [("input", "no"), ("output", "unknown"), ("unknown", "unknown")]
)
def test_only_moderation_of_input_is_not_billed(stage, billed):
    details = {"moderation_stage": stage, "categories": ["violence"]}
    body = {"error": {"code": "moderation_blocked", "message": "no", "moderation_details": details}}
    with Upstream(json_response(body, 400)) as upstream:
        response, _ = send_edit(upstream)
    assert response.json["error"]["moderation_details"] == details
    assert response.headers["x-retouch-billed"] == billed


def test_nested_json_in_upstream_message_is_unwrapped():
    nested = error_response("invalid_value", 400, message='{"error":{"message":"inner words"}}')
    with Upstream(nested) as upstream:
        response, _ = send_edit(upstream)
    assert response.json["error"]["message"] == "inner words"


@pytest.mark.parametrize("path", ["/gone.png", "http://127.0.0.1:1/other-host.png"])
def test_result_that_cannot_be_fetched_has_unknown_billing(path):
    with Upstream() as upstream:
        url = path if "://" in path else f"{upstream.url}{path}"
        upstream.responses = [json_response({"data": [{"url": url}]})]
        response, _ = send_edit(upstream)
        assert len(upstream.calls) == 1
    assert response.status >= 400
    assert response.headers["x-retouch-billed"] == "unknown"
    assert response.headers["x-should-retry"] == "false"
