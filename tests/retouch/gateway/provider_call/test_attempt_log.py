"""Tests of the provider's request ids that the gateway returns to the caller."""

import pytest

from retouch.core.provider_protocol import ProviderRequest, ProviderResponse
from retouch.gateway.provider_call.attempt_log import AttemptLog
from retouch.planning.connection import provider_target
from retouch.providers import PROVIDERS
from tests.support.gateway_client import file_part, post_edit
from tests.support.images import b64, box_mask, photo
from tests.support.services import InMemoryCache, build_services
from tests.support.upstream import Upstream, json_response, sse_response

UPSTREAM_REQUEST_ID, UPSTREAM_PROCESSING_MS = (
    "x-retouch-upstream-request-id",
    "x-retouch-upstream-processing-ms",
)
FIELDS = {"prompt": "p", "image": file_part(photo()), "model": "gpt-image-2"}
COMPLETED_EVENT = {"type": "image_edit.completed", "b64_json": b64(photo()), "created_at": 1}


def image_response(**headers):
    return json_response(
        {"created": 1, "data": [{"b64_json": b64(photo())}]}, **header_names(headers)
    )


def error_response(status=500, **headers):
    return json_response({"error": {"message": "oops"}}, status, **header_names(headers))


def header_names(headers):
    return {name.replace("_", "-"): value for name, value in headers.items()}


def send_edit(upstream, fields=(), services=None, **headers):
    env = {"OPENAI_BASE_URL": upstream.url, "OPENAI_API_KEY": "k"}
    return post_edit(
        {**FIELDS, **dict(fields)},
        headers=header_names(headers),
        services=services or build_services(env),
    )


def test_upstream_request_id_is_returned_beside_own_request_id():
    with Upstream(image_response(x_request_id="up-1", openai_processing_ms="812")) as upstream:
        response = send_edit(upstream)
    assert (response.status, response.headers["x-request-id"]) == (200, "req-test")
    assert (response.headers[UPSTREAM_REQUEST_ID], response.headers[UPSTREAM_PROCESSING_MS]) == (
        "up-1",
        "812",
    )


@pytest.mark.parametrize("status", [400, 401, 429, 500])
def test_error_response_has_upstream_request_id(status):
    with Upstream(error_response(status, x_request_id="up-2")) as upstream:
        response = send_edit(upstream)
    assert response.status >= 400
    assert response.headers[UPSTREAM_REQUEST_ID] == "up-2"


@pytest.mark.parametrize("name", ["apim_request_id", "x_amzn_RequestId"])
def test_other_request_id_header_names_are_read(name):
    with Upstream(image_response(**{name: "up-3"})) as upstream:
        assert send_edit(upstream).headers[UPSTREAM_REQUEST_ID] == "up-3"


@pytest.mark.parametrize("status", [200, 400])
def test_request_id_that_contains_the_key_is_not_returned(status):
    upstream_response = (
        image_response(x_request_id="up-k-1")
        if status == 200
        else error_response(400, x_request_id="up-k-1")
    )
    with Upstream(upstream_response) as upstream:
        response = send_edit(upstream)
    assert response.status == status
    assert UPSTREAM_REQUEST_ID not in response.headers


def test_streamed_response_has_upstream_request_id():
    events = sse_response(COMPLETED_EVENT)
    events.headers["x-request-id"] = "up-4"
    with Upstream(events) as upstream:
        response = send_edit(upstream, {"stream": "true"})
    assert (response.frames[-1][0], response.headers[UPSTREAM_REQUEST_ID]) == (
        "image_edit.completed",
        "up-4",
    )


def test_request_ids_of_all_attempts_are_returned():
    with Upstream(
        error_response(429, x_request_id="up-5", retry_after="0"),
        image_response(x_request_id="up-6"),
    ) as upstream:
        assert send_edit(upstream).headers[UPSTREAM_REQUEST_ID] == "up-5, up-6"


@pytest.mark.parametrize("value", ["a b", "x" * 129, "caf\u00e9", ""])
def test_invalid_header_value_is_left_out(value):
    with Upstream(image_response(x_request_id=value, openai_processing_ms="fast")) as upstream:
        response = send_edit(upstream)
    assert response.status == 200
    assert response.headers.keys().isdisjoint({UPSTREAM_REQUEST_ID, UPSTREAM_PROCESSING_MS})


def test_cached_response_has_no_upstream_request_id():
    with Upstream(image_response(x_request_id="up-7")) as upstream:
        env = {"OPENAI_BASE_URL": upstream.url, "OPENAI_API_KEY": "k"}
        services = build_services(env, cache=InMemoryCache())
        config = {"x_portkey_config": '{"cache": {"mode": "simple"}}'}
        assert (
            send_edit(upstream, services=services, **config).headers[UPSTREAM_REQUEST_ID] == "up-7"
        )
        hit = send_edit(upstream, services=services, **config)
    assert hit.headers["x-portkey-cache-status"] == "HIT"
    assert UPSTREAM_REQUEST_ID not in hit.headers


def test_local_edit_has_no_upstream_request_id():
    response = post_edit(
        {"prompt": "p", "image": file_part(photo()), "mask": file_part(box_mask())}
    )
    assert response.status == 200
    assert UPSTREAM_REQUEST_ID not in response.headers


def recorded_request_ids(*calls):
    """Return the request ids recorded for these calls. The responses have the ids 0, 1, 2..."""
    attempt_log = AttemptLog()
    ids = iter(range(len(calls)))
    send = attempt_log.wrap_send(lambda *_: ProviderResponse(200, {"x-request-id": str(next(ids))}))
    model = provider_target(next(provider for provider in PROVIDERS if provider.is_paid))
    for call in calls:
        send(call, model, 0.0)
    return attempt_log.report().upstream_request_ids


EDIT_CALL, POLL_CALL = (
    ProviderRequest("POST", "/order"),
    ProviderRequest("GET", "/poll", idempotent=True),
)


def test_request_ids_of_polls_are_not_recorded():
    assert recorded_request_ids(EDIT_CALL, POLL_CALL, EDIT_CALL, POLL_CALL) == "0, 2"


def test_only_last_ten_request_ids_are_returned():
    assert recorded_request_ids(*[EDIT_CALL] * 12) == ", ".join(map(str, range(2, 12)))
