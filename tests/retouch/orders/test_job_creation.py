"""Tests of the creation of jobs while the table of orders loses its answers."""

import re

import pytest

from retouch.core.errors import OrdersUnavailable
from retouch.orders.sweeper import sweep
from tests.support.jobs import ASYNC, JobGateway
from tests.support.upstream import Upstream

KEY = {"Idempotency-Key": "order-4711"}


@pytest.fixture
def gateway():
    with Upstream() as upstream:
        yield JobGateway(upstream)


def fail(*_, **__):
    raise OrdersUnavailable("down")


@pytest.mark.parametrize("is_made", [False, True], ids=["failed", "lost answer"])
@pytest.mark.parametrize(
    ("headers", "should_retry"),
    [({}, "false"), ({"x-stainless-retry-count": "0"}, "true"), (KEY, "true")],
    ids=["plain", "sdk", "key"],
)
def test_error_of_a_table_that_does_not_answer_names_the_job_that_may_exist(
    gateway, headers, should_retry, is_made
):
    write, read = gateway.orders.write, gateway.orders.read

    def fail_from_now_on(order, replaces):
        if is_made:
            write(order, replaces)
        gateway.orders.write = gateway.orders.read = fail
        fail()

    gateway.orders.write = fail_from_now_on
    response = gateway.send({**ASYNC, **headers})
    gateway.orders.write, gateway.orders.read = write, read
    error = response.json["error"]
    assert (response.status, error["code"]) == (503, "orders_unavailable")
    assert response.headers["x-retouch-billed"] == "unknown"
    assert response.headers["x-should-retry"] == should_retry
    (path,) = re.findall("/v1/images/edits/(edit_[a-z0-9]+)", error["message"])
    assert gateway.get(path).status == (200 if is_made else 404)
    if headers:
        retry = {**ASYNC, **headers}
        if "x-stainless-retry-count" in headers:
            retry["x-stainless-retry-count"] = "1"
        repeated = gateway.send(retry)
        assert repeated.status == 202
        assert (repeated.json["id"] == path) or not is_made
    gateway.clock.advance(100)
    sweep(gateway.stores, gateway.queue, gateway.clock.unix_time())
    while gateway.queue.messages:
        gateway.work()
    assert len(gateway.upstream.calls) == (1 if is_made or headers else 0)


def test_job_whose_only_answer_was_lost_is_accepted(gateway):
    write = gateway.orders.write

    def lose_answer(order, replaces):
        gateway.orders.write = write
        write(order, replaces)
        fail()

    gateway.orders.write = lose_answer
    job = gateway.send()
    assert job.status == 202
    gateway.work()
    assert gateway.get(job.json["id"]).json["status"] == "completed"
    assert len(gateway.upstream.calls) == 1
