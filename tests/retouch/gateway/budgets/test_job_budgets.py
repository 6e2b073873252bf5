"""Tests of jobs of a key with a budget: what does not fit is refused before the 202, and holds nothing."""

from dataclasses import replace

import pytest

from retouch.orders.jobs import JobStores
from tests.support.budget_gateway import make_key, run_gateway
from tests.support.jobs import ASYNC, InMemoryQueue, InMemoryRequests


@pytest.fixture
def gateway():
    with run_gateway(RETOUCH_BUCKET="b") as gateway:
        jobs = JobStores(gateway.stores, InMemoryRequests(), InMemoryQueue())
        gateway.services = replace(gateway.services, jobs=jobs)
        yield gateway


@pytest.mark.parametrize("headers", [{}, {"x-portkey-provider": "openai"}], ids=["", "portkey"])
def test_job_over_the_budget_gets_the_same_error_as_an_edit_and_does_not_exist(gateway, headers):
    gateway.key = make_key(limit=199_999)
    job, edit = gateway.edit({**ASYNC, **headers}), gateway.edit(headers)
    assert job.status in (412, 429)
    assert (job.status, job.json) == (edit.status, edit.json)
    assert job.json["error"]["code"] == "budget_exceeded"
    assert gateway.services.jobs.queue.messages == []
    assert not any(order.is_job for order in gateway.orders.orders.values())
    assert gateway.upstream.calls == []


def test_job_over_the_budget_of_its_workspace_is_refused(gateway):
    gateway.key = make_key(limit=500_000, workspace_limit=199_999)
    assert gateway.edit(ASYNC).status == 429


def test_job_that_fits_is_queued_and_holds_nothing_yet(gateway):
    gateway.key = make_key(limit=200_000)
    assert gateway.edit(ASYNC).status == 202
    assert gateway.row().taken == 0
