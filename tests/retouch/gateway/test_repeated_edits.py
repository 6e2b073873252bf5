"""Tests of edits that an SDK sends again by itself: the gateway does not pay for them twice."""

import threading

import pytest

from tests.support.events import form_event
from tests.support.gateway_client import file_part, send_event
from tests.support.images import b64, box_mask, photo
from tests.support.services import FakeClock, build_services
from tests.support.upstream import Upstream, json_response

IMAGE = photo(64, 64)
FIELDS = {"model": "gpt-image-2", "prompt": "p", "image": file_part(IMAGE)}
FIRST, RETRY = {"x-stainless-retry-count": "0"}, {"x-stainless-retry-count": "1"}
SLOW = 0.6  # seconds, longer than an edit that is not recorded
SUCCESS = {"created": 1, "data": [{"b64_json": b64(IMAGE)}]}


class Gateway:
    """A gateway with one provider."""

    def __init__(self, upstream):
        self.upstream, self.clock = upstream, FakeClock()
        env = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": upstream.url}
        self.services = build_services(env, self.clock)

    def send(self, headers, fields=FIELDS):
        return send_event(form_event(fields, headers), services=self.services)

    def answer(self, status=200, body=SUCCESS, delay=SLOW, headers=None):
        response = json_response(body, status)
        response.delay = delay
        response.headers.update(headers or {})
        self.upstream.responses[:] = [response]


@pytest.fixture
def gateway():
    with Upstream(json_response(SUCCESS)) as upstream:
        gateway = Gateway(upstream)
        gateway.answer()
        yield gateway


def test_retry_of_an_edit_that_was_paid_for_a_moment_ago_is_refused(gateway):
    assert gateway.send(FIRST).status == 200
    response = gateway.send(RETRY)
    assert (response.status, response.json["error"]["code"]) == (409, "repeated_edit")
    assert response.headers["x-should-retry"] == "false"
    assert response.headers["x-retouch-billed"] == "unknown"
    assert len(gateway.upstream.calls) == 1


def test_retry_of_an_edit_that_still_runs_is_refused(gateway):
    gateway.answer(delay=3.0)
    first = threading.Thread(target=gateway.send, args=[FIRST])
    first.start()
    while not gateway.upstream.calls:
        threading.Event().wait(0.01)
    threading.Event().wait(SLOW)  # the record is written a quarter of a second after the start
    assert gateway.send(RETRY).status == 409
    first.join()
    assert len(gateway.upstream.calls) == 1


def test_retry_of_an_edit_with_an_unknown_outcome_is_refused(gateway):
    gateway.answer(500, {"error": {}})
    assert gateway.send(FIRST).headers["x-retouch-billed"] == "unknown"
    assert gateway.send(RETRY).status == 409


def test_retry_of_a_stream_is_refused(gateway):
    fields = {**FIELDS, "stream": "true"}
    gateway.send(FIRST, fields)
    assert gateway.send(RETRY, fields).status == 409
    assert len(gateway.upstream.calls) == 1


def test_edit_can_be_retried_again_after_a_moment(gateway):
    gateway.send(FIRST)
    gateway.clock.sleep(20)
    assert gateway.send(RETRY).status == 200


def test_first_attempt_of_an_equal_edit_is_a_new_edit(gateway):
    assert [gateway.send(FIRST).status for _ in range(2)] == [200, 200]
    assert len(gateway.upstream.calls) == 2


@pytest.mark.parametrize("delay", [0.0, SLOW], ids=["fast", "slow"])
def test_retry_of_a_free_failure_is_a_new_edit(gateway, delay):
    gateway.answer(429, {"error": {}}, delay, {"retry-after": "60"})
    first = gateway.send(FIRST)
    assert (first.status, first.headers["x-retouch-billed"]) == (429, "no")
    gateway.answer()
    assert gateway.send(RETRY).status == 200


def test_retry_of_a_free_failure_after_an_equal_paid_edit_is_a_new_edit(gateway):
    gateway.send(FIRST)
    gateway.answer(429, {"error": {}}, 0.0, {"retry-after": "60"})
    assert gateway.send(FIRST).status == 429
    gateway.answer()
    assert gateway.send(RETRY).status == 200


def test_edit_of_a_client_that_never_retries_is_not_recorded(gateway):
    assert gateway.send({}).status == 200
    assert gateway.send(RETRY).status == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"prompt": "q"},
        {"quality": "high"},
        {"image": file_part(photo(64, 65))},
        {"mask": file_part(box_mask(64, 64))},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_retry_of_another_edit_is_not_refused(gateway, changes):
    gateway.send(FIRST)
    assert gateway.send(RETRY, {**FIELDS, **changes}).status == 200


@pytest.mark.parametrize(
    "headers",
    [{"authorization": "Bearer sk-other"}, {"x-portkey-config": '{"retry": {"attempts": 1}}'}],
    ids=lambda headers: next(iter(headers)),
)
def test_retry_of_another_caller_or_with_another_config_is_not_refused(gateway, headers):
    gateway.send(FIRST)
    assert gateway.send({**RETRY, **headers}).status == 200
