"""Tests of the circuit breaker in the pipeline: shared circuits, probes, and the effect of an open circuit."""

import json
from contextlib import ExitStack
from dataclasses import replace

import pytest

from retouch.api.handlers.edits import build_handler
from retouch.gateway.health import check_health
from tests.support.events import form_event, lambda_context
from tests.support.gateway_client import file_part, post_edit, telemetry
from tests.support.images import b64, box_mask, photo
from tests.support.services import FakeClock, InMemoryCache, build_services
from tests.support.upstream import ScriptedResponse, Upstream, json_response, sse_response
from tests.support.waits import wait_until

IMAGE_RESPONSE = json_response({"created": 1, "data": [{"b64_json": b64(photo())}]})
RATE_LIMITED = json_response(
    {"error": {"message": "slow down", "code": "rate_limit_exceeded"}}, 429
)
SERVER_ERROR = json_response({"error": {"message": "oops"}}, 500)
WRONG_KEY = json_response({"error": {"message": "bad key", "code": "invalid_api_key"}}, 401)
STREAMED = {"b64_json": b64(photo()), "created_at": 1, "output_format": "png"}
COMPLETED_EVENT = {"type": "image_edit.completed", **STREAMED}
PARTIAL_EVENT = {"type": "image_edit.partial_image", **STREAMED, "partial_image_index": 0}
STREAM_FIELDS = {"stream": "true", "partial_images": "1"}
FIELDS = {"prompt": "p", "image": file_part(photo()), "model": "gpt-image-2"}
LOCAL_TARGET = {"provider": "local", "override_params": {"model": "local/erase"}}


@pytest.fixture
def gateway_setup():
    """Start two providers, and return them with the services of a gateway in front of them."""
    with ExitStack() as stack:
        openai, azure = (
            stack.enter_context(Upstream(IMAGE_RESPONSE)),
            stack.enter_context(Upstream(IMAGE_RESPONSE)),
        )
        yield openai, azure, services_for(openai, azure)


def services_for(openai, azure, **env):
    addresses = {"OPENAI_BASE_URL": openai.url, "AZURE_OPENAI_ENDPOINT": azure.url}
    keys = {"OPENAI_API_KEY": "sk-op", "AZURE_OPENAI_API_KEY": "az-op"}
    return build_services({**addresses, **keys, **env}, FakeClock())


def send_edit(services, config=None, fields=(), **headers):
    header_values = {
        f"x-portkey-{name.replace('_', '-')}": value for name, value in headers.items()
    }
    if config:
        header_values["x-portkey-config"] = json.dumps(config)
    return post_edit({**FIELDS, **dict(fields)}, headers=header_values, services=services)


def open_circuit(openai, services):
    """Open the circuit with five failures."""
    openai.responses = [SERVER_ERROR]
    for _ in range(5):
        send_edit(services)
    assert services.breaker.states() == {"openai": "open"}


def test_switched_off_breaker_calls_failing_provider_every_time(gateway_setup):
    openai, azure, _ = gateway_setup
    services = services_for(openai, azure, RETOUCH_BREAKER="off")
    openai.responses = [SERVER_ERROR]
    for fields in ({}, STREAM_FIELDS) * 4:
        assert status_and_code(send_edit(services, fields=fields)) == (502, "provider_error")
    assert (len(openai.calls), services.breaker.states()) == (8, {})


def test_switched_off_breaker_ignores_open_circuits_of_shared_table(gateway_setup):
    openai, azure, services = gateway_setup
    open_circuit(openai, services)
    openai.responses = [IMAGE_RESPONSE]
    switched_off = replace(
        services_for(openai, azure, RETOUCH_BREAKER="off"), breaker=services.breaker
    )
    assert send_edit(switched_off).status == 200
    assert check_health(switched_off)["circuits"] == {}


def status_and_code(response):
    return response.status, response.json["error"]["code"]


@pytest.mark.parametrize("key", [{"api_key": "mine"}, {}], ids=["own key", "gateway's key"])
def test_custom_host_failures_open_no_circuit(key):
    with Upstream(IMAGE_RESPONSE) as openai, Upstream(SERVER_ERROR) as custom:
        host = f"{custom.url}/v1"
        services = services_for(openai, openai, RETOUCH_CUSTOM_HOSTS=f"openai={host}")
        for _ in range(6):
            response = send_edit(services, provider="openai", custom_host=host, **key)
            assert status_and_code(response) == (502, "provider_error")
        assert send_edit(services).status == 200


def test_failures_with_caller_key_at_default_address_open_circuit(gateway_setup):
    openai, _, services = gateway_setup
    openai.responses = [SERVER_ERROR]
    for _ in range(5):
        send_edit(services, provider="openai", api_key="mine")
    assert status_and_code(send_edit(services)) == (503, "provider_circuit_open")


@pytest.mark.parametrize("provider_response", [WRONG_KEY, RATE_LIMITED], ids=["wrong key", "busy"])
def test_probe_with_any_provider_response_closes_circuit(gateway_setup, provider_response):
    openai, _, services = gateway_setup
    open_circuit(openai, services)
    services.clock.advance(31)
    openai.responses = [provider_response]
    send_edit(
        services,
        {"provider": "openai", "api_key": "wrong", "retry": {"attempts": 1, "on_status_codes": []}},
    )
    openai.responses = [IMAGE_RESPONSE]
    assert send_edit(services).status == 200
    assert services.breaker.states() == {"openai": "closed"}


def test_probe_ended_by_client_timeout_is_released(gateway_setup):
    openai, _, services = gateway_setup
    open_circuit(openai, services)
    services.clock.advance(31)
    openai.responses = [ScriptedResponse(network_failure="hang")]
    assert send_edit(services, provider="openai", request_timeout="200").status == 408
    assert services.breaker.states() == {"openai": "half-open"}
    openai.responses = [IMAGE_RESPONSE]
    assert send_edit(services).status == 200
    assert services.breaker.states() == {"openai": "closed"}


def test_failing_streams_open_circuit_and_are_then_rejected(gateway_setup):
    openai, _, services = gateway_setup
    openai.responses = [SERVER_ERROR]
    for _ in range(5):
        assert status_and_code(send_edit(services, fields=STREAM_FIELDS)) == (502, "provider_error")
    assert services.breaker.states() == {"openai": "open"}
    calls_before = len(openai.calls)
    response = send_edit(services, fields=STREAM_FIELDS)
    assert status_and_code(response) == (503, "provider_circuit_open")
    assert response.headers["x-retouch-billed"] == "no"
    assert len(openai.calls) == calls_before


def test_stream_broken_after_first_image_counts_as_failure(gateway_setup):
    openai, _, services = gateway_setup
    openai.responses = [
        sse_response(PARTIAL_EVENT, {"type": "error", "error": {"message": "boom"}})
    ]
    for _ in range(5):
        response = send_edit(services, fields=STREAM_FIELDS)
        assert [name for name, _ in response.frames] == ["image_edit.partial_image", "error"]
    assert services.breaker.states() == {"openai": "open"}


def test_successful_stream_probe_closes_circuit(gateway_setup):
    openai, _, services = gateway_setup
    open_circuit(openai, services)
    services.clock.advance(31)
    openai.responses = [sse_response(COMPLETED_EVENT)]
    assert send_edit(services, fields=STREAM_FIELDS).status == 200
    assert services.breaker.states() == {"openai": "closed"}


def test_abandoned_stream_releases_its_probe(gateway_setup):
    openai, _, services = gateway_setup
    open_circuit(openai, services)
    services.clock.advance(31)
    openai.responses = [
        sse_response(PARTIAL_EVENT, PARTIAL_EVENT, COMPLETED_EVENT, chunk_interval=0.05)
    ]
    event = first_event_then_close(services)
    assert event.startswith(b"event: image_edit.partial_image")
    openai.responses = [sse_response(COMPLETED_EVENT)]
    wait_until(lambda: services.breaker.states() == {"openai": "half-open"})
    assert send_edit(services, fields=STREAM_FIELDS).status == 200


def first_event_then_close(services):
    handler = build_handler(services, lambda: None, telemetry())
    body = handler(form_event({**FIELDS, **STREAM_FIELDS}), lambda_context())["body"]
    first = next(body)
    body.close()
    return first


def test_open_circuit_is_not_retried(gateway_setup):
    openai, _, services = gateway_setup
    open_circuit(openai, services)
    calls_before = len(openai.calls)
    response = send_edit(services, {"provider": "openai", "retry": {"attempts": 3}})
    assert status_and_code(response) == (503, "provider_circuit_open")
    assert response.headers["x-portkey-retry-attempt-count"] == "0"
    targets = [{"provider": "openai", "retry": {"attempts": 3}}, LOCAL_TARGET]
    config = {"strategy": {"mode": "fallback"}, "targets": targets}
    assert send_edit(services, config, {"mask": file_part(box_mask())}).status == 200
    assert (len(openai.calls), services.clock.sleeps) == (calls_before, [])


def test_open_circuit_is_retried_when_cooldown_ends_before_retry(gateway_setup):
    openai, _, services = gateway_setup
    open_circuit(openai, services)
    services.clock.advance(29)
    openai.responses = [IMAGE_RESPONSE]
    response = send_edit(services, {"provider": "openai", "retry": {"attempts": 3}})
    assert response.status == 200
    assert response.headers["x-portkey-retry-attempt-count"] == "1"
    assert services.clock.sleeps == [1.0]


def test_cache_hit_is_returned_despite_open_circuit(gateway_setup):
    openai, _, _ = gateway_setup
    env = {"OPENAI_BASE_URL": openai.url, "OPENAI_API_KEY": "k"}
    services = build_services(env, FakeClock(), cache=InMemoryCache())
    config = {"provider": "openai", "cache": {"mode": "simple"}}
    assert send_edit(services, config).status == 200
    open_circuit(openai, services)
    assert send_edit(services, config).headers["x-portkey-cache-status"] == "HIT"


def test_dry_run_is_not_a_probe(gateway_setup):
    openai, _, services = gateway_setup
    open_circuit(openai, services)
    services.clock.advance(31)
    assert send_edit(services, fields={"dry_run": "true"}).status == 200
    assert services.breaker.states() == {"openai": "half-open"}
