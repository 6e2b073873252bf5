"""Tests of orders that another request continues: jobs of providers, and streams whose client has left."""

import json
from dataclasses import replace

import pytest

from retouch.api.handlers.edits import build_handler
from retouch.core.clock import SystemClock
from retouch.core.errors import InvalidRequest, UpstreamError
from retouch.orders.sweeper import sweep
from tests.support.events import form_event, lambda_context
from tests.support.gateway_client import telemetry
from tests.support.images import b64, photo
from tests.support.order_gateway import FIELDS, IMAGE, KEY, RETRY, Gateway, crash_after
from tests.support.upstream import Upstream, json_response, sse_response

JOB_FIELDS = {**FIELDS, "model": "black-forest-labs/flux-kontext-pro"}


class JobGateway(Gateway):
    """A gateway whose provider makes edits in the background."""

    def __init__(self, upstream, clock=None, **env):
        super().__init__(upstream, clock, BFL_API_KEY="bfl-key", BFL_BASE_URL=upstream.url, **env)
        upstream.responses[:] = [json_response({"id": "1", "polling_url": f"{upstream.url}/poll"})]
        self.poll({"status": "Pending"})

    def poll(self, state):
        self.upstream.files["/poll"] = json.dumps(state).encode()

    def finish_job(self):
        self.upstream.files["/result"] = IMAGE
        self.poll({"status": "Ready", "result": {"sample": f"{self.upstream.url}/result"}})

    def edit(self, headers=KEY, **changes):
        return self.send(headers, {**JOB_FIELDS, **changes})


@pytest.fixture
def gateway():
    with Upstream(json_response({})) as upstream:
        yield JobGateway(upstream)


def test_repetition_after_a_timeout_fetches_the_image_that_is_paid_for(gateway):
    first = gateway.edit({**KEY, "x-portkey-request-timeout": "2000"})
    assert (first.status, first.headers["x-retouch-billed"]) == (408, "unknown")
    assert first.headers["x-should-retry"] == "true"
    assert "buys nothing" in first.json["error"]["message"]
    gateway.finish_job()
    second = gateway.edit()
    assert second.status == 200
    assert second.json["data"][0]["b64_json"] == b64(IMAGE)
    assert second.headers["x-retouch-billed"] == "yes"
    assert len(gateway.upstream.calls) == 1
    assert gateway.edit().json == second.json


def test_repetition_after_a_crash_fetches_the_image_that_is_paid_for(gateway):
    crash_after(gateway, "submitted", fields=JOB_FIELDS)
    gateway.finish_job()
    assert gateway.edit().status == 200
    assert len(gateway.upstream.calls) == 1


def test_swept_order_with_a_job_is_no_longer_listed_and_can_be_fetched(gateway):
    crash_after(gateway, "submitted", fields=JOB_FIELDS)
    assert sweep(gateway.stores, None, gateway.clock.unix_time()) == {"submitted": 1}
    assert sweep(gateway.stores, None, gateway.clock.unix_time()) == {}
    gateway.finish_job()
    assert gateway.edit().status == 200
    assert len(gateway.upstream.calls) == 1


def test_job_is_not_bought_again_when_a_repetition_cannot_ask_for_it(gateway):
    images = {"https://images.example/a.png": photo(64, 64)}
    services = gateway.services
    gateway.services = replace(services, fetch_image=lambda url, deadline: images[url])
    fields = {**JOB_FIELDS, "image": next(iter(images))}
    crash_after(gateway, "submitted", fields=fields)

    def fail(url, deadline):
        raise InvalidRequest("The image is gone.")

    gateway.services = replace(services, fetch_image=fail)
    failed = gateway.send(KEY, fields)
    assert failed.status == 400
    assert failed.headers["x-retouch-billed"] == "unknown"
    assert failed.headers["x-should-retry"] == "true"
    gateway.services = replace(services, fetch_image=lambda url, deadline: images[url])
    gateway.finish_job()
    assert gateway.send(KEY, fields).status == 200
    assert len(gateway.upstream.calls) == 1


def test_open_circuit_and_short_time_do_not_keep_a_repetition_from_its_job(gateway):
    crash_after(gateway, "submitted", fields=JOB_FIELDS)
    gateway.finish_job()
    for _ in range(30):
        gateway.services.breaker.record(gateway.upstream.url, UpstreamError("It is down."))
    assert gateway.send(KEY, JOB_FIELDS, seconds=4.0).status == 200
    assert len(gateway.upstream.calls) == 1


def test_many_repetitions_with_timeouts_buy_one_job(gateway):
    for _ in range(6):
        response = gateway.edit({**KEY, "x-portkey-request-timeout": "2000"})
        assert response.headers["x-retouch-billed"] == "unknown"
    gateway.finish_job()
    assert gateway.edit().status == 200
    assert len(gateway.upstream.calls) == 1


def test_job_that_fails_for_free_opens_the_order(gateway):
    gateway.edit({**KEY, "x-portkey-request-timeout": "2000"})
    gateway.poll({"status": "Request Moderated"})
    failed = gateway.edit()
    assert failed.status == 400
    assert len(gateway.upstream.calls) == 1


def test_several_jobs_are_all_continued():
    with Upstream(json_response({})) as upstream:
        check_several_jobs(JobGateway(upstream, SystemClock()))


def check_several_jobs(gateway):
    first = gateway.edit({**KEY, "x-portkey-request-timeout": "2000"}, n="3")
    assert first.status == 408
    gateway.finish_job()
    second = gateway.edit(n="3")
    assert len(second.json["data"]) == 3
    assert len(gateway.upstream.calls) == 3


@pytest.mark.parametrize("number", [0, 1, 2])
def test_job_that_fails_does_not_lose_the_jobs_that_still_run(number):
    with Upstream(json_response({})) as upstream:
        gateway = JobGateway(upstream, SystemClock())
        responses = [gateway.upstream.responses[0]] * 3
        responses[number] = json_response({"detail": "broken"}, 500)
        upstream.responses[:] = responses
        first = gateway.edit({**KEY, "x-portkey-request-timeout": "2000"}, n="3")
        assert (first.status, first.headers["x-should-retry"]) == (408, "true")
        gateway.finish_job()
        assert len(gateway.edit(n="3").json["data"]) == 2
        assert len(upstream.calls) == 3


def test_repetition_fetches_the_images_that_were_not_ready():
    with Upstream(json_response({})) as upstream:
        gateway = JobGateway(upstream, SystemClock())
        jobs = [{"id": str(i), "polling_url": f"{upstream.url}/poll{i or ''}"} for i in range(3)]
        upstream.responses[:] = [json_response(job) for job in jobs]
        done = {"status": "Ready", "result": {"sample": f"{upstream.url}/result"}}
        upstream.files["/result"] = IMAGE
        for path, state in (("/poll", {"status": "Pending"}), ("/poll1", done), ("/poll2", done)):
            upstream.files[path] = json.dumps(state).encode()
        first = gateway.edit({**KEY, "x-portkey-request-timeout": "5000"}, n="3")
        assert (first.status, len(first.json["data"])) == (200, 2)
        assert "the same key fetches all of them" in first.headers["x-retouch-notes"]
        gateway.poll(done)
        second = gateway.edit(n="3")
        assert len(second.json["data"]) == 3
        assert "idempotent-replayed" not in second.headers
        assert gateway.edit(n="3").json == second.json
        assert len(upstream.calls) == 3


def test_order_continues_at_its_target_only(gateway):
    config = {
        "strategy": {"mode": "fallback"},
        "targets": [
            {"override_params": {"model": "openai/gpt-image-2"}},
            {"override_params": {"model": "black-forest-labs/flux-kontext-pro"}},
        ],
    }
    job = gateway.upstream.responses[0]
    gateway.upstream.responses[:] = [json_response({"error": {}}, 429), job]
    fields = {name: value for name, value in FIELDS.items() if name != "model"}
    headers = {**KEY, "x-portkey-config": json.dumps(config)}
    first = gateway.send({**headers, "x-portkey-request-timeout": "2000"}, fields)
    assert first.status == 408
    gateway.finish_job()
    second = gateway.send(headers, fields)
    assert second.status == 200
    assert second.headers["x-portkey-last-used-option-index"] == "config.targets[1]"
    assert len(gateway.upstream.calls) == 2


def test_key_of_the_provider_is_not_in_the_order(gateway):
    gateway.edit({**KEY, "x-portkey-request-timeout": "2000"})
    assert gateway.stored.submissions
    assert "bfl-key" not in repr(gateway.stored.submissions[0].headers)
    assert b"bfl-key" not in gateway.stored.submissions[0].body


PARTIALS = [
    {"type": "image_edit.partial_image", "b64_json": b64(IMAGE), "partial_image_index": index}
    for index in range(3)
]
COMPLETED = {"type": "image_edit.completed", "b64_json": b64(IMAGE), "usage": {"total_tokens": 7}}
STREAM = {**FIELDS, "stream": "true", "partial_images": "3"}


@pytest.fixture
def stream_gateway():
    with Upstream(sse_response(*PARTIALS, COMPLETED, chunk_interval=0.05)) as upstream:
        yield Gateway(upstream, SystemClock())


def leave_after_first_event(gateway, headers):
    """Start a stream, and leave after its first event, as the runtime does for a client that hangs up."""
    handler = build_handler(gateway.services, lambda: None, telemetry())
    body = handler(form_event(STREAM, headers), lambda_context(60.0))["body"]
    assert b"partial_image" in next(body)
    body.close()


def test_stream_that_was_left_gives_its_image_to_a_plain_request_and_to_a_stream(stream_gateway):
    leave_after_first_event(stream_gateway, KEY)
    plain = stream_gateway.send(KEY, FIELDS)
    assert plain.status == 200
    assert plain.json["data"] == [{"b64_json": b64(IMAGE)}]
    assert plain.json["usage"] == {"total_tokens": 7}
    events = stream_gateway.send(KEY, STREAM).frames
    assert [name for name, _ in events] == ["image_edit.completed"]
    assert events[0][1]["b64_json"] == b64(IMAGE)
    assert len(stream_gateway.upstream.calls) == 1


def test_stream_of_an_sdk_that_was_left_gives_its_image_to_the_retry(stream_gateway):
    leave_after_first_event(stream_gateway, {"x-stainless-retry-count": "0"})
    events = stream_gateway.send(RETRY, STREAM).frames
    assert [name for name, _ in events] == ["image_edit.completed"]
    assert len(stream_gateway.upstream.calls) == 1


def test_plain_answer_is_sent_as_a_stream_to_a_caller_who_wants_one():
    with Upstream(json_response({"created": 5, "data": [{"b64_json": b64(IMAGE)}]})) as upstream:
        gateway = Gateway(upstream)
        gateway.send(KEY, FIELDS)
        response = gateway.send(KEY, STREAM)
    assert response.headers["content-type"] == "text/event-stream"
    assert response.headers["idempotent-replayed"] == "true"
    ((name, payload),) = response.frames
    assert (name, payload["b64_json"]) == ("image_edit.completed", b64(IMAGE))
    assert len(upstream.calls) == 1


def test_stream_that_fails_without_an_image_is_replayed_as_its_failure():
    failure = {"type": "error", "error": {"code": "server_error", "message": "broken"}}
    with Upstream(sse_response(PARTIALS[0], failure)) as upstream:
        gateway = Gateway(upstream)
        assert gateway.send(KEY, STREAM).frames[-1][0] == "error"
        response = gateway.send(KEY, STREAM)
    assert response.status >= 400
    assert response.headers["x-should-retry"] == "false"
    assert len(upstream.calls) == 1


def test_stream_without_an_order_is_not_read_to_its_end_for_nobody():
    with Upstream(sse_response(*PARTIALS, COMPLETED)) as upstream:
        leave_after_first_event(Gateway(upstream), {})
