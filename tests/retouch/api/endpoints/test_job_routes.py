"""Tests of the list of jobs, of their deletion, and of images inside a job."""

import base64
from io import BytesIO

import pytest
from PIL import Image

from retouch.core.errors import OrdersUnavailable
from retouch.orders.stores import OrderConflict
from tests.support.jobs import ASYNC, JobGateway
from tests.support.upstream import Upstream

KEY = {**ASYNC, "Idempotency-Key": "order-4711"}


@pytest.fixture
def gateway():
    with Upstream() as upstream:
        yield JobGateway(upstream)


def send_jobs(gateway, count):
    """Send jobs, one each second, and return their ids, the newest first."""
    identifiers = []
    for _ in range(count):
        identifiers.append(gateway.send().json["id"])
        gateway.clock.advance(1)
    return identifiers[::-1]


def ids(response):
    return [job["id"] for job in response.json["data"]]


def test_list_has_the_jobs_of_the_caller_the_newest_first(gateway):
    expected = send_jobs(gateway, 3)
    gateway.work(expected[0])
    response = gateway.list()
    body = response.json
    assert (response.status, body["object"], body["has_more"]) == (200, "list", False)
    assert ids(response) == expected
    assert (body["first_id"], body["last_id"]) == (expected[0], expected[-1])
    assert body["data"][0] == gateway.get(expected[0]).json
    assert body["data"][0]["result"]["data"][0]["url"]


def test_list_goes_on_after_a_job(gateway):
    expected = send_jobs(gateway, 5)
    first = gateway.list(limit="2")
    second = gateway.list(limit="2", after=first.json["last_id"])
    third = gateway.list(limit="2", after=second.json["last_id"])
    assert [*ids(first), *ids(second), *ids(third)] == expected
    assert [page.json["has_more"] for page in (first, second, third)] == [True, True, False]
    assert ids(gateway.list(after=expected[-1])) == []
    assert gateway.list(after="edit_x").json["error"]["param"] == "after"


def test_list_of_a_status_has_only_these_jobs(gateway):
    done, cancelled, queued = send_jobs(gateway, 3)
    gateway.work(done)
    gateway.cancel(cancelled)
    assert ids(gateway.list(status="completed")) == [done]
    assert ids(gateway.list(status="cancelled")) == [cancelled]
    assert ids(gateway.list(status="queued")) == [queued]
    assert ids(gateway.list(status="failed")) == []
    gateway.clock.advance(3600)
    assert ids(gateway.list(status="expired")) == [queued]


def test_list_of_a_rare_status_looks_at_every_job(gateway):
    expected = send_jobs(gateway, 230)
    gateway.cancel(expected[-1])
    gateway.cancel(expected[0])
    response = gateway.list(status="cancelled", limit="1")
    assert (ids(response), response.json["has_more"]) == ([expected[0]], True)
    rest = gateway.list(status="cancelled", after=expected[0])
    assert (ids(rest), rest.json["has_more"]) == ([expected[-1]], False)


def test_list_has_no_job_of_another_key_and_no_edit_without_a_job():
    with Upstream() as upstream:
        gateway = JobGateway(upstream, RETOUCH_AUTH_MODE="keys")
        own, other = ({"Authorization": f"Bearer rt_{name}"} for name in "ab")
        job = gateway.send({**ASYNC, **own}).json["id"]
        gateway.send({**own, "Idempotency-Key": "k"})
        assert ids(gateway.list(own)) == [job]
        assert gateway.list(other).json == {
            "object": "list",
            "data": [],
            "first_id": None,
            "last_id": None,
            "has_more": False,
        }


@pytest.mark.parametrize(
    ("name", "value"),
    [("limit", "0"), ("limit", "101"), ("limit", "x"), ("status", "done"), ("status", "")],
)
def test_list_with_an_invalid_parameter_is_refused_by_name(gateway, name, value):
    response = gateway.list(**{name: value})
    assert (response.status, response.json["error"]["param"]) == (400, name)


def test_deleted_job_is_gone_with_its_request_and_its_answer(gateway):
    job = gateway.send().json["id"]
    gateway.work()
    response = gateway.get(job, method="DELETE")
    assert (response.status, response.json) == (
        200,
        {"id": job, "object": "image.edit.deleted", "deleted": True},
    )
    assert (gateway.orders.orders, gateway.orders.answers, gateway.requests) == ({}, {}, {})
    assert gateway.get(job).status == 404
    assert gateway.get(job, method="DELETE").status == 404
    assert gateway.list().json["data"] == []
    assert gateway.work(job)
    assert len(gateway.upstream.calls) == 1


def test_delete_of_a_queued_job_cancels_it(gateway):
    job = gateway.send().json["id"]
    response = gateway.get(job, method="DELETE")
    assert (response.status, response.json["status"]) == (200, "cancelled")
    assert gateway.get(job, method="DELETE").json["deleted"] is True
    assert gateway.work(job)
    assert gateway.upstream.calls == []


def test_delete_of_a_sent_job_is_refused_and_its_result_stays(gateway):
    job = gateway.send().json["id"]
    write = gateway.orders.write

    def delete_when_sent(order, replaces):
        written = write(order, replaces)
        if order.state == "sent":
            response = gateway.get(job, method="DELETE")
            assert (response.status, response.json["error"]["code"]) == (409, "already_sent")
        return written

    gateway.orders.write = delete_when_sent
    assert gateway.work(job)
    assert gateway.get(job).json["status"] == "completed"


def test_delete_of_a_job_of_another_key_is_not_found():
    with Upstream() as upstream:
        gateway = JobGateway(upstream, RETOUCH_AUTH_MODE="keys")
        own, other = ({"Authorization": f"Bearer rt_{name}"} for name in "ab")
        job = gateway.send({**ASYNC, **own}).json["id"]
        gateway.work()
        assert gateway.get(job, method="DELETE", headers=other).status == 404
        assert gateway.get(job, headers=own).json["status"] == "completed"


def test_delete_that_ends_after_the_record_leaves_no_job(gateway):
    job = gateway.send().json["id"]
    gateway.work()

    def fail(*_):
        raise OrdersUnavailable("down")

    gateway.orders.delete = fail
    assert gateway.get(job, method="DELETE").status == 503
    assert gateway.get(job).status == 404


def test_delete_of_a_job_that_changes_meanwhile_deletes_nothing(gateway):
    job = gateway.send().json["id"]
    gateway.work()

    def lose_the_race(order):
        raise OrderConflict(order)

    gateway.orders.remove = lose_the_race
    assert gateway.get(job, method="DELETE").status == 404
    assert gateway.get(job).json["status"] == "completed"


def test_job_has_its_image_inside_when_it_is_asked_for(gateway):
    job = gateway.send().json["id"]
    gateway.work()
    plain, full = gateway.get(job), gateway.get(job, query={"include": "b64_json"})
    (image,) = full.json["result"]["data"]
    with Image.open(BytesIO(base64.b64decode(image["b64_json"]))) as picture:
        assert picture.size == (64, 64)
    assert image["url"] == plain.json["result"]["data"][0]["url"]
    assert full.headers["etag"] == plain.headers["etag"]


def test_image_inside_a_job_behind_a_link_of_the_gateway(gateway):
    with Upstream() as upstream:
        gateway = JobGateway(upstream, RETOUCH_BASE_URL="https://gateway.example")
        job = gateway.send().json["id"]
        gateway.work()
        (image,) = gateway.get(job, query={"include": "b64_json"}).json["result"]["data"]
        assert image["url"].startswith("https://gateway.example/v1/files/")
        assert base64.b64decode(image["b64_json"])[:4] == b"\x89PNG"


def test_job_without_a_result_has_none_when_its_image_is_asked_for(gateway):
    job = gateway.send().json["id"]
    response = gateway.get(job, query={"include": "b64_json"})
    assert (response.status, response.json["result"]) == (200, None)


def test_other_include_and_too_large_images_are_refused_by_name(gateway):
    job = gateway.send().json["id"]
    gateway.work()
    objects = gateway.services.bucket.objects
    objects.update(dict.fromkeys(objects, bytes(5_000_001)))
    for value, code in (("pixels", "invalid_value"), ("b64_json", "result_too_large")):
        response = gateway.get(job, query={"include": value})
        error = response.json["error"]
        assert (response.status, error["param"], error["code"]) == (400, "include", code)


def test_query_parameters_that_a_route_of_jobs_does_not_have_are_refused(gateway):
    job = gateway.send().json["id"]
    gateway.work()
    responses = (
        gateway.list(order="asc"),
        gateway.get(job, query={"index": "0"}),
        gateway.get(job, "/content", query={"include": "b64_json"}),
    )
    for response, name in zip(responses, ("order", "index", "include"), strict=True):
        error = response.json["error"]
        assert (response.status, error["param"]) == (400, name)
        assert error["code"] == "unknown_parameter"


def test_image_that_is_no_longer_stored_is_gone(gateway):
    job = gateway.send().json["id"]
    gateway.work()
    gateway.services.bucket.objects.clear()
    response = gateway.get(job, query={"include": "b64_json"})
    assert (response.status, response.json["error"]["code"]) == (410, "result_expired")


def test_key_of_a_deleted_job_begins_a_new_one(gateway):
    job = gateway.send(KEY).json["id"]
    gateway.cancel(job)
    gateway.get(job, method="DELETE")
    assert gateway.send(KEY).json["status"] == "queued"


def test_job_that_is_polled_without_pauses_is_limited_and_not_affected(gateway):
    job, other = (gateway.send().json["id"] for _ in range(2))
    statuses = []
    for _ in range(100):
        statuses.append(gateway.get(job).status)
        gateway.clock.advance(0.01)
    assert statuses[:20] == [200] * 20
    assert statuses.count(429) > 70
    while (limited := gateway.get(job)).status == 200:
        pass
    assert (limited.json["error"]["code"], limited.headers["retry-after"]) == (
        "polled_too_often",
        "5",
    )
    assert gateway.get(other).status == 200
    assert gateway.work(job)
    gateway.clock.advance(5)
    assert gateway.get(job).json["status"] == "completed"
