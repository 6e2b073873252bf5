"""Tests of the routes that read a job: its states, its image, and whom it belongs to."""

import threading
from dataclasses import replace

import pytest

from retouch.core.clock import SystemClock
from tests.support.jobs import ASYNC, JobGateway
from tests.support.upstream import Upstream


def test_job_ends_as_completed_with_the_image_object(gateway):
    job = gateway.send().json
    assert gateway.work()
    response = gateway.get(job["id"])
    done = response.json
    assert (response.status, done["status"], done["billed"]) == (200, "completed", "yes")
    (image,) = done["result"]["data"]
    assert image["url"].startswith("https://results.example/")
    assert "b64_json" not in image
    assert done["usage"] == {"total_tokens": 7}
    assert done["completed_at"] >= done["started_at"] >= done["created_at"]
    assert "retry-after" not in response.headers
    assert len(gateway.upstream.calls) == 1


def test_job_of_another_key_is_not_found():
    with Upstream() as upstream:
        gateway = JobGateway(upstream, RETOUCH_AUTH_MODE="keys")
        own, other = ({"Authorization": f"Bearer rt_{name}"} for name in "ab")
        job = gateway.send({**ASYNC, **own}).json["id"]
        for suffix, method in (("", "GET"), ("/content", "GET"), ("/cancel", "POST")):
            response = gateway.get(job, suffix, method, other)
            assert (response.status, response.json["error"]["code"]) == (404, "not_found")
        assert gateway.get(job, headers=own).json["status"] == "queued"
        gateway.work()
        assert gateway.get(job, headers=own).json["status"] == "completed"


def test_job_of_a_revoked_key_fails_without_being_bought():
    with Upstream() as upstream:
        gateway = JobGateway(upstream, RETOUCH_AUTH_MODE="keys")
        job = gateway.send({**ASYNC, "Authorization": "Bearer rt_a"}).json["id"]
        services = gateway.services
        gateway.services = replace(services, find_key=lambda _: None)
        assert gateway.work()
        gateway.services = services
        shown = gateway.get(job, headers={"Authorization": "Bearer rt_a"}).json
        assert (shown["status"], shown["billed"]) == ("failed", "no")
        assert shown["error"]["code"] == "invalid_api_key"
        assert upstream.calls == []


@pytest.mark.parametrize("identifier", ["edit_1", "ord_1", "x", "edit_" + "0" * 34])
def test_job_that_does_not_exist_is_not_found(gateway, identifier):
    assert gateway.get(identifier).status == 404


def test_order_of_an_edit_without_a_job_is_not_found_as_a_job(gateway):
    gateway.send({"Idempotency-Key": "k"})
    assert gateway.get(gateway.stored.id.replace("ord_", "edit_")).status == 404
    assert gateway.get(gateway.stored.id).status == 404


def test_wait_returns_the_image_when_it_is_there_in_time():
    with Upstream() as upstream:
        gateway = JobGateway(upstream, SystemClock())
        gateway.queue.on_send = threading.Thread(target=gateway.work).start
        response = gateway.send({"Prefer": "respond-async, wait=10"})
        assert response.status == 200
        assert "url" in response.json["data"][0]
        assert response.headers["preference-applied"] == "respond-async, wait=10"
        assert response.headers["x-retouch-order"] == gateway.stored.id


def test_wait_returns_the_job_when_the_image_is_not_there_in_time(gateway):
    started = gateway.clock.now()
    response = gateway.send({"Prefer": "respond-async, wait=5"})
    assert (response.status, response.json["status"]) == (202, "queued")
    assert gateway.clock.now() - started == pytest.approx(5)
    gateway.work()
    assert gateway.get(response.json["id"]).json["status"] == "completed"


def test_unchanged_job_is_not_sent_again(gateway):
    first = gateway.send()
    etag = {"If-None-Match": first.headers["etag"]}
    unchanged = gateway.get(first.json["id"], headers=etag)
    assert (unchanged.status, unchanged.json) == (304, None)
    gateway.work()
    assert gateway.get(first.json["id"], headers=etag).json["status"] == "completed"


@pytest.mark.parametrize(("age", "seconds"), [(0, "5"), (60, "10"), (300, "15")])
def test_open_job_says_when_to_ask_again(gateway, age, seconds):
    job = gateway.send().json["id"]
    gateway.clock.advance(age)
    assert gateway.get(job).headers["retry-after"] == seconds


def test_content_redirects_to_the_image_after_the_end_and_not_before(gateway):
    job = gateway.send().json["id"]
    early = gateway.get(job, "/content")
    assert (early.status, early.json["error"]["code"]) == (404, "not_ready")
    gateway.work()
    response = gateway.get(job, "/content")
    assert response.status == 302
    assert response.headers["location"] == gateway.get(job).json["result"]["data"][0]["url"]
    for index in ("1", "x", "-1", "99999"):
        refused = gateway.get(job, "/content", query={"index": index})
        assert (refused.status, refused.json["error"]["param"]) == (400, "index")


def test_content_of_a_job_whose_link_has_expired_is_gone(gateway):
    gateway.orders.validity = 10
    job = gateway.send().json["id"]
    gateway.work()
    order = gateway.stored
    gateway.orders.orders[order.key] = replace(order, expires=2**40)
    gateway.clock.advance(86_400)
    response = gateway.get(job, "/content")
    assert (response.status, response.json["error"]["code"]) == (410, "result_expired")


def test_content_of_a_cancelled_job_is_not_found(gateway):
    job = gateway.send().json["id"]
    gateway.cancel(job)
    response = gateway.get(job, "/content")
    assert (response.status, response.json["error"]["code"]) == (404, "no_result")


def test_job_that_nobody_begins_in_time_is_expired_and_never_bought(gateway):
    job = gateway.send().json["id"]
    gateway.clock.advance(3600)
    assert gateway.get(job).json["status"] == "expired"
    assert gateway.work()
    assert gateway.get(job).json["status"] == "expired"
    assert gateway.upstream.calls == []


def test_job_is_expired_when_no_worker_began_it_before_its_deadline(gateway):
    job = gateway.send({**ASYNC, "x-retouch-deadline": "900"}).json
    assert job["deadline"] - job["created_at"] == 900
    gateway.clock.advance(899)
    assert gateway.get(job["id"]).json["status"] == "queued"
    gateway.clock.advance(1)
    assert gateway.get(job["id"]).json["status"] == "expired"
    assert gateway.work()
    ended = gateway.get(job["id"]).json
    assert (ended["status"], ended["billed"], gateway.upstream.calls) == ("expired", "no", [])
