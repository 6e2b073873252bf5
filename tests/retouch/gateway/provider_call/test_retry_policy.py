"""Tests that a transient failure does not lose a paid image. Only requests that cost nothing are repeated."""

from itertools import chain, repeat

import pytest

from tests.support.gateway_client import file_part, post_edit
from tests.support.images import b64, photo
from tests.support.mirror import ImageHost
from tests.support.services import FakeClock, build_services
from tests.support.upstream import ScriptedResponse, json_response

IMAGE = photo()
IMAGE_RESPONSE = ScriptedResponse(200, IMAGE, {"content-type": "image/png"})
TRANSIENT_FAILURES = {
    **{str(status): ScriptedResponse(status) for status in (408, 429, 500, 502, 503, 504)},
    "reset": ScriptedResponse(network_failure="reset"),
    "cut": ScriptedResponse(200, IMAGE, network_failure="cut"),
}


def script_responses(host, path, *host_responses):
    """Respond to GET requests for the path with these responses, in order. The last one repeats."""
    responses = chain(host_responses, repeat(host_responses[-1]))
    host.scripts[path] = lambda handler: host.write_response(handler, next(responses))


def requests_for(host, path):
    return [r for r in host.received if r.path == path]


def send_edit(model, clock=None, **env):
    fields = {"model": model, "prompt": "p", "image": file_part(IMAGE)}
    clock = clock or FakeClock()
    return post_edit(fields, services=build_services(env, clock)), clock


@pytest.fixture
def provider():
    with ImageHost() as host:
        yield host


@pytest.fixture
def cdn():
    with ImageHost() as host:
        yield host


def edit_with_url_result(provider, result_host, clock=None):
    """Send an edit whose result is a URL at `result_host`, /r.png."""
    provider.responses = [
        json_response({"created": 1, "data": [{"url": f"{result_host.url}/r.png"}]})
    ]
    env = {"OPENAI_API_KEY": "sk-k", "OPENAI_BASE_URL": provider.url}
    response, clock = send_edit(
        "gpt-image-2", clock, RETOUCH_FETCH_ALLOW=result_host.url[7:], **env
    )
    assert len(provider.calls) == 1, "the edit was paid twice"
    return response, clock


@pytest.fixture(params=["its own host", "another host"])
def result_host(request, provider, cdn):
    """Return the host of the result."""
    return cdn if request.param == "another host" else provider


@pytest.mark.parametrize("failure", TRANSIENT_FAILURES)
def test_result_download_is_retried_after_transient_failure(provider, result_host, failure):
    script_responses(
        result_host,
        "/r.png",
        TRANSIENT_FAILURES[failure],
        TRANSIENT_FAILURES[failure],
        IMAGE_RESPONSE,
    )
    response, clock = edit_with_url_result(provider, result_host)
    assert response.status == 200
    assert response.json["data"][0]["b64_json"] == b64(IMAGE)
    assert len(requests_for(result_host, "/r.png")) == 3
    assert clock.sleeps == [0.5, 1.0]


@pytest.mark.parametrize("failure", TRANSIENT_FAILURES)
def test_upload_before_the_purchase_is_tried_at_most_three_times(provider, failure):
    provider.responses = [TRANSIENT_FAILURES[failure]]
    response, clock = send_edit(
        "segmind/flux-kontext-pro",
        SEGMIND_API_KEY="k",
        SEGMIND_BASE_URL=provider.url,
        SEGMIND_UPLOAD_URL=f"{provider.url}/upload-asset",
    )
    assert response.status >= 429
    assert [call.path for call in provider.calls] == ["/upload-asset"] * 3
    assert clock.sleeps == [0.5, 1.0]


@pytest.mark.parametrize("failure", TRANSIENT_FAILURES)
def test_poll_is_retried_after_transient_failure(provider, failure):
    provider.responses = [
        json_response({"id": "t", "polling_url": f"{provider.url}/v1/get_result?id=t"})
    ]
    ready_body = {"status": "Ready", "result": {"sample": f"{provider.url}/r.png"}}
    script_responses(
        provider, "/v1/get_result", TRANSIENT_FAILURES[failure], json_response(ready_body)
    )
    script_responses(provider, "/r.png", IMAGE_RESPONSE)
    env = {"BFL_API_KEY": "k", "BFL_BASE_URL": f"{provider.url}/v1"}
    response, _ = send_edit("black-forest-labs/flux-kontext-pro", **env)
    assert response.status == 200
    assert len(provider.calls) == 1
    assert len(requests_for(provider, "/v1/get_result")) == 2


@pytest.mark.parametrize("failure", TRANSIENT_FAILURES)
def test_poll_by_post_is_retried_after_transient_failure(provider, failure):
    ready_body = {"id": "t", "status": "Ready", "result": {"sample": f"{provider.url}/r.png"}}
    provider.responses = [
        json_response({"request_id": "t"}),
        TRANSIENT_FAILURES[failure],
        json_response(ready_body),
    ]
    script_responses(provider, "/r.png", IMAGE_RESPONSE)
    env = {"FIREWORKS_API_KEY": "k", "FIREWORKS_BASE_URL": provider.url}
    response, _ = send_edit("fireworks-ai/flux-kontext-pro", **env)
    assert response.status == 200
    first_call, *polls = provider.calls
    assert first_call.json()["prompt"] == "p"
    assert [poll.json() for poll in polls] == [{"id": "t"}] * 2


def test_final_poll_error_is_not_retried(provider):
    urls = {"status_url": f"{provider.url}/s", "response_url": f"{provider.url}/r"}
    provider.responses = [json_response({"request_id": "r", **urls})]
    script_responses(provider, "/s", json_response({"error": "moderation blocked it"}, 500))
    env = {"SEGMIND_API_KEY": "k", "SEGMIND_BASE_URL": provider.url}
    response, _ = send_edit("segmind/flux-kontext-pro", **env)
    assert response.json["error"]["code"] == "moderation_blocked"
    assert len(requests_for(provider, "/s")) == 1


@pytest.mark.parametrize("failure", [name for name in TRANSIENT_FAILURES if name != "429"])
def test_paid_call_is_not_retried_after_failure(provider, failure):
    provider.responses = [
        TRANSIENT_FAILURES[failure],
        json_response({"data": [{"b64_json": b64(IMAGE)}]}),
    ]
    env = {"OPENAI_API_KEY": "sk-k", "OPENAI_BASE_URL": provider.url}
    response, clock = send_edit("gpt-image-2", **env)
    assert response.status >= 500
    assert (len(provider.calls), clock.sleeps) == (1, [])
    assert response.headers["x-retouch-billed"] == "unknown"


@pytest.mark.parametrize("status", [408, 460, 499, 500, 502, 504, 524])
def test_paid_call_is_not_retried_despite_retry_after(provider, status):
    provider.responses = [ScriptedResponse(status, b"", {"retry-after": "1"})]
    env = {"OPENAI_API_KEY": "sk-k", "OPENAI_BASE_URL": provider.url}
    response, clock = send_edit("gpt-image-2", **env)
    assert (len(provider.calls), clock.sleeps) == (1, [])
    assert response.headers["x-retouch-billed"] == "unknown"
