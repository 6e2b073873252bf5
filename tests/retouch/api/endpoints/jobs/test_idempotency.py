"""Tests of idempotency keys and SDK retries of jobs, and of messages that cannot be sent."""

import pytest

from retouch.core.errors import OrdersUnavailable
from retouch.orders.sweeper import sweep
from tests.support.jobs import ASYNC, FIELDS

KEY = {**ASYNC, "Idempotency-Key": "order-4711"}


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


def test_metadata_webhook_and_deadline_do_not_change_the_order_of_a_key(gateway):
    first = gateway.send(KEY)
    other = {**KEY, "x-retouch-deadline": "60", "x-retouch-webhook": "we_1"}
    second = gateway.send(other, {**FIELDS, "metadata": '{"a": "b"}'})
    assert (second.status, second.json["id"]) == (202, first.json["id"])
