"""Tests of jobs through the real handlers of both functions: the 202, the routes of a job, and its cancellation."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import pytest

from retouch.core.clock import SystemClock
from retouch.core.errors import OrdersUnavailable
from retouch.orders.sweeper import sweep
from tests.support.events import form_event, json_event
from tests.support.gateway_client import file_part, send_event
from tests.support.images import box_mask, data_url, photo
from tests.support.jobs import ASYNC, FIELDS, IMAGE, JobGateway
from tests.support.services import build_services
from tests.support.upstream import Upstream

KEY = {**ASYNC, "Idempotency-Key": "order-4711"}


@pytest.fixture
def gateway():
    with Upstream() as upstream:
        yield JobGateway(upstream)


def test_edit_with_respond_async_is_a_queued_job(gateway):
    response = gateway.send()
    job = response.json
    assert response.status == 202
    assert (job["object"], job["status"], job["billed"]) == ("image.edit", "queued", "no")
    assert job["model"] == "openai/gpt-image-2"
    assert response.headers["location"] == job["urls"]["get"]
    assert response.headers["location"].endswith(f"/v1/images/edits/{job['id']}")
    assert response.headers["preference-applied"] == "respond-async"
    assert response.headers["retry-after"] == "5"
    assert gateway.queue.messages == [job["id"]]
    assert gateway.upstream.calls == []


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


@pytest.mark.parametrize("flag", ["true", "True", " TRUE ", "1", "yes"])
def test_background_true_in_a_form_is_a_job_too(gateway, flag):
    response = gateway.send({}, {**FIELDS, "background": flag})
    assert response.status == 202
    assert gateway.work()
    assert gateway.get(response.json["id"]).json["status"] == "completed"


@pytest.mark.parametrize(
    ("flag", "status"), [(True, 202), ("true", 202), (False, 200), ("false", 200), (1, 400)]
)
def test_background_in_json_is_a_boolean_or_its_word(gateway, flag, status):
    fields = {"model": "gpt-image-2", "prompt": "p", "images": [data_url(IMAGE)]}
    event = json_event({**fields, "background": flag})
    assert send_event(event, services=gateway.services).status == status


def test_background_word_stays_the_parameter_of_the_model(gateway):
    response = gateway.send({}, {**FIELDS, "background": "opaque"})
    assert response.status == 200
    assert gateway.upstream.calls[0].fields["background"] == "opaque"


@pytest.mark.parametrize("flag", ["false", "0", "no"])
def test_background_false_is_no_job_and_is_not_sent(gateway, flag):
    assert gateway.send({}, {**FIELDS, "background": flag}).status == 200
    assert "background" not in gateway.upstream.calls[0].fields


@pytest.mark.parametrize(
    "changes",
    [
        {"model": "openai/no-such-model"},
        {"mask": file_part(box_mask(32, 64))},
        {"quality": "none"},
        {"n": "99"},
        {"image": file_part(b"no image")},
        {"model": "stability-ai/inpaint", "mask": file_part(box_mask(64, 64))},
    ],
    ids=["model", "mask", "value", "n", "image", "no provider key"],
)
def test_refused_request_gets_the_same_error_with_and_without_prefer(gateway, changes):
    fields = {**FIELDS, **changes}
    job, edit = gateway.send(fields=fields), gateway.send({}, fields)
    assert 400 <= job.status < 500
    assert (job.status, job.json) == (edit.status, edit.json)
    assert (gateway.orders.orders, gateway.queue.messages) == ({}, [])
    assert "preference-applied" not in job.headers


@pytest.mark.parametrize(
    ("changes", "param"),
    [({"stream": "true"}, "stream"), ({"response_format": "b64_json"}, "response_format")],
)
def test_option_that_a_job_does_not_have_is_refused_by_name(gateway, changes, param):
    response = gateway.send(fields={**FIELDS, **changes})
    assert (response.status, response.json["error"]["param"]) == (400, param)


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer sk-own"},
        {"api-key": "sk-own", "x-portkey-api-key": "sk-own"},
        {"x-portkey-config": json.dumps({"provider": "openai", "api_key": "sk-own"})},
        {
            "x-portkey-config": json.dumps(
                {
                    "targets": [{"provider": "openai", "api_key": "sk-own"}],
                    "strategy": {"mode": "fallback"},
                }
            )
        },
    ],
    ids=["authorization", "portkey", "config", "target"],
)
def test_job_with_a_key_of_the_caller_is_refused_and_stores_nothing(gateway, headers):
    response = gateway.send({**ASYNC, **headers})
    assert (response.status, response.json["error"]["code"]) == (400, "job_with_secret")
    assert "sk-own" not in json.dumps(response.json)
    assert (gateway.orders.orders, gateway.requests) == ({}, {})


def test_stored_request_has_no_key_of_the_gateway():
    with Upstream() as upstream:
        gateway = JobGateway(upstream, RETOUCH_AUTH_MODE="keys")
        gateway.send({**ASYNC, "Authorization": "Bearer rt_a", "Cookie": "secret=1"})
        (data,) = gateway.requests.values()
    assert b"rt_a" not in data
    assert b"secret" not in data


def test_gateway_without_a_queue_refuses_a_job_by_name():
    response = send_event(form_event(FIELDS, ASYNC), services=build_services())
    error = response.json["error"]
    assert (response.status, error["code"], error["param"]) == (
        400,
        "jobs_not_configured",
        "Prefer",
    )
    assert "RETOUCH_EDITS_QUEUE" in error["message"]


def test_dry_run_of_a_job_is_answered_at_once(gateway):
    response = gateway.send(fields={**FIELDS, "dry_run": "true"})
    assert (response.status, response.json["object"]) == (200, "image.edit.plan")
    assert gateway.queue.messages == []


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


def test_same_key_gets_the_same_job_and_sends_its_message_again(gateway):
    first, second = gateway.send(KEY), gateway.send(KEY)
    assert (second.status, second.json["id"]) == (202, first.json["id"])
    while gateway.queue.messages:
        gateway.work()
    third = gateway.send(KEY)
    assert (third.json["id"], third.json["status"]) == (first.json["id"], "completed")
    assert len(gateway.upstream.calls) == 1


def test_same_key_with_another_request_is_refused(gateway):
    gateway.send(KEY)
    response = gateway.send(KEY, {**FIELDS, "prompt": "q"})
    assert (response.status, response.json["error"]["code"]) == (422, "idempotency_key_reused")


def test_same_key_without_prefer_gets_the_answer_of_the_job(gateway):
    gateway.send(KEY)
    gateway.work()
    response = gateway.send({"Idempotency-Key": "order-4711"})
    assert response.status == 200
    assert response.headers["idempotent-replayed"] == "true"
    assert "url" in response.json["data"][0]
    assert len(gateway.upstream.calls) == 1


def test_same_key_without_prefer_does_not_buy_a_queued_or_cancelled_job(gateway):
    job = gateway.send(KEY).json["id"]
    plain = {"Idempotency-Key": "order-4711"}
    assert gateway.send({**plain, "Prefer": "wait=1"}).json["error"]["code"] == "order_in_progress"
    gateway.cancel(job)
    response = gateway.send(plain)
    assert (response.status, response.json["error"]["code"]) == (409, "job_cancelled")
    assert gateway.upstream.calls == []


def test_job_with_the_key_of_a_finished_edit_gets_its_answer(gateway):
    edit = gateway.send({"Idempotency-Key": "order-4711"})
    response = gateway.send(KEY)
    assert (response.status, response.json) == (200, edit.json)
    assert response.headers["idempotent-replayed"] == "true"
    assert gateway.queue.messages == []


def test_retry_of_an_sdk_joins_the_job_of_its_first_try_and_a_new_call_does_not(gateway):
    first = gateway.send({**ASYNC, "x-stainless-retry-count": "0"})
    retry = gateway.send({**ASYNC, "x-stainless-retry-count": "1"})
    fresh = gateway.send({**ASYNC, "x-stainless-retry-count": "0"})
    assert retry.json["id"] == first.json["id"] != fresh.json["id"]


def test_queued_job_is_cancelled_and_never_bought(gateway):
    job = gateway.send().json["id"]
    first, second = gateway.cancel(job), gateway.cancel(job)
    assert (first.status, first.json["status"], first.json["billed"]) == (200, "cancelled", "no")
    assert (second.status, second.json) == (200, first.json)
    assert gateway.work()
    assert gateway.upstream.calls == []
    assert gateway.get(job).json["status"] == "cancelled"


def test_cancel_after_the_end_is_refused_with_the_job(gateway):
    job = gateway.send().json["id"]
    gateway.work()
    response = gateway.cancel(job)
    assert (response.status, response.json["error"]["code"]) == (409, "already_ended")
    assert (response.json["id"], response.json["status"]) == (job, "completed")


def test_cancel_after_the_send_mark_is_refused_and_the_job_completes():
    with Upstream() as upstream:
        gateway = JobGateway(upstream, SystemClock())
        gateway.answer(delay=1.0)
        job = gateway.send().json["id"]
        worker = threading.Thread(target=gateway.work)
        worker.start()
        while not upstream.calls:
            threading.Event().wait(0.01)
        response = gateway.cancel(job)
        assert gateway.get(job).json["status"] == "in_progress"
        worker.join()
    assert (response.status, response.json["error"]["code"]) == (409, "already_sent")
    assert gateway.get(job).json["status"] == "completed"


def race(start, action, job):
    start.wait()
    action(job)


def test_racing_cancels_and_workers_end_each_job_once():
    with Upstream() as upstream:
        gateway = JobGateway(upstream, SystemClock())
        identifiers = [gateway.send().json["id"] for _ in range(100)]
        threads = []
        for number, job in enumerate(identifiers):
            start = threading.Barrier(2)
            threads.append(threading.Thread(target=race, args=(start, gateway.cancel, job)))
            worker = partial(gateway.work, request_id=f"worker-{number}")
            threads.append(threading.Thread(target=race, args=(start, worker, job)))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        statuses = [gateway.get(job).json["status"] for job in identifiers]
    assert set(statuses) <= {"completed", "cancelled"}
    assert len(upstream.calls) == statuses.count("completed")


def test_message_that_ten_workers_get_at_once_is_bought_once():
    with Upstream() as upstream:
        gateway = JobGateway(upstream, SystemClock())
        gateway.answer(delay=0.3)
        job = gateway.send().json["id"]
        start = threading.Barrier(10)

        def work(number):
            start.wait()
            return gateway.work(job, request_id=f"worker-{number}")

        with ThreadPoolExecutor(10) as pool:
            has_finished = list(pool.map(work, range(10)))
        assert has_finished.count(True) == 1
        assert gateway.get(job).json["status"] == "completed"
        assert len(upstream.calls) == 1


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
    gateway.orders.orders[order.key] = type(order)(**{**fields_of(order), "expires": 2**40})
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


@pytest.mark.parametrize("headers", [KEY, ASYNC])
def test_job_whose_message_cannot_be_sent_is_accepted_and_made_after_a_sweep(gateway, headers):
    send, gateway.queue.send = gateway.queue.send, fail
    assert gateway.send(headers).status == 202
    gateway.queue.send = send
    gateway.clock.advance(1000)
    sweep(gateway.stores, gateway.queue, gateway.clock.unix_time())
    gateway.work()
    assert len(gateway.upstream.calls) == len(gateway.orders.orders) == 1


def test_repetition_with_the_key_sends_the_message_that_could_not_be_sent(gateway):
    send, gateway.queue.send = gateway.queue.send, fail
    gateway.send(KEY)
    gateway.queue.send = send
    assert gateway.send(KEY).status == 202
    gateway.work()
    assert len(gateway.upstream.calls) == len(gateway.orders.orders) == 1


@pytest.mark.parametrize("step", ["put", "add_recent", "write"])
@pytest.mark.parametrize("is_made", [False, True], ids=["failed", "lost answer"])
def test_retry_of_an_sdk_buys_nothing_twice_whichever_store_fails(gateway, step, is_made):
    stores = gateway.requests if step == "put" else gateway.orders
    method = getattr(stores, step)

    def fail_once(*args, **named):
        setattr(stores, step, method)
        if is_made:
            method(*args, **named)
        fail()

    setattr(stores, step, fail_once)
    tries = [{**ASYNC, "x-stainless-retry-count": str(retry)} for retry in (0, 1)]
    statuses = [gateway.send(headers).status for headers in tries]
    is_found = step == "write" and is_made
    assert statuses == [202 if is_found else 503, 202]
    for _ in range(2):
        gateway.clock.advance(1000)
        sweep(gateway.stores, gateway.queue, gateway.clock.unix_time())
        while gateway.queue.messages:
            gateway.work()
    assert len(gateway.upstream.calls) == 1


def fail(*_, **__):
    raise OrdersUnavailable("down")


def fields_of(order):
    return {name: getattr(order, name) for name in order.__dataclass_fields__}


def test_deployment_path_takes_jobs_too(gateway):
    event = form_event({"prompt": "p", "image": file_part(photo(64, 64))}, ASYNC)
    path = "/openai/deployments/openai/gpt-image-2/images/edits"
    response = send_event({**event, "path": path, "resource": path}, services=gateway.services)
    assert response.status == 202
    gateway.work()
    assert gateway.get(response.json["id"]).json["status"] == "completed"


PAIRS = {f"name-{i}": "v" * 512 for i in range(16)}


@pytest.mark.parametrize("form", ["json", "text", "pairs"])
def test_metadata_is_returned_with_the_job_and_not_sent_to_the_provider(gateway, form):
    if form == "json":
        fields = {"model": "gpt-image-2", "prompt": "p", "images": [data_url(IMAGE)]}
        event = json_event({**fields, "metadata": PAIRS}, ASYNC)
    else:
        pairs = {f"metadata[{name}]": value for name, value in PAIRS.items()}
        values = {"metadata": json.dumps(PAIRS)} if form == "text" else pairs
        event = form_event({**FIELDS, **values}, ASYNC)
    job = send_event(event, services=gateway.services).json
    assert job["metadata"] == PAIRS
    assert gateway.work()
    assert gateway.get(job["id"]).json["metadata"] == PAIRS
    assert not any(name.startswith("metadata") for name in gateway.upstream.calls[0].fields)


@pytest.mark.parametrize(
    "metadata",
    [
        {**PAIRS, "one-more": "v"},
        {"n" * 65: "v"},
        {"name": "v" * 513},
        {"name": 1},
        {"name": {"a": "b"}},
        ["name"],
        "text",
        3,
    ],
    ids=["17 pairs", "long name", "long value", "number", "object", "list", "text", "whole number"],
)
def test_metadata_beyond_the_limits_is_refused_by_name(gateway, metadata):
    fields = {"model": "gpt-image-2", "prompt": "p", "images": [data_url(IMAGE)]}
    as_json = json_event({**fields, "metadata": metadata}, ASYNC)
    as_form = form_event({**FIELDS, "metadata": json.dumps(metadata)}, ASYNC)
    for event in (as_json, as_form):
        response = send_event(event, services=gateway.services)
        assert (response.status, response.json["error"]["param"]) == (400, "metadata")
    assert gateway.orders.orders == {}


@pytest.mark.parametrize("webhook", ["two words", "w" * 2049, "\u00fc"])
def test_webhook_that_is_no_id_and_no_url_is_refused(gateway, webhook):
    response = gateway.send(ASYNC, {**FIELDS, "webhook": webhook})
    assert (response.status, response.json["error"]["param"]) == (400, "webhook")


def test_webhook_in_a_field_and_in_a_header_is_refused(gateway):
    response = gateway.send({**ASYNC, "x-retouch-webhook": "a"}, {**FIELDS, "webhook": "b"})
    assert (response.status, response.json["error"]["param"]) == (400, "webhook")


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


@pytest.mark.parametrize("text", ["0", "86401", "1.5", "soon", ""])
def test_deadline_that_is_no_number_of_seconds_is_refused(gateway, text):
    response = gateway.send({**ASYNC, "x-retouch-deadline": text})
    assert (response.status, response.json["error"]["param"]) == (400, "x-retouch-deadline")


@pytest.mark.parametrize(
    ("name", "headers", "fields"),
    [
        ("metadata", {}, {"metadata": "{}"}),
        ("metadata[a]", {}, {"metadata[a]": "b"}),
        ("webhook", {}, {"webhook": "we_1"}),
        ("x-retouch-webhook", {"x-retouch-webhook": "we_1"}, {}),
        ("x-retouch-deadline", {"x-retouch-deadline": "9"}, {}),
    ],
)
def test_option_of_a_job_is_refused_by_name_for_an_edit_without_a_job(
    gateway, name, headers, fields
):
    response = gateway.send(headers, {**FIELDS, **fields})
    assert (response.status, response.json["error"]["param"]) == (400, name)
    assert gateway.upstream.calls == []


def test_metadata_webhook_and_deadline_do_not_change_the_order_of_a_key(gateway):
    first = gateway.send(KEY)
    other = {**KEY, "x-retouch-deadline": "60", "x-retouch-webhook": "we_1"}
    second = gateway.send(other, {**FIELDS, "metadata": '{"a": "b"}'})
    assert (second.status, second.json["id"]) == (202, first.json["id"])
