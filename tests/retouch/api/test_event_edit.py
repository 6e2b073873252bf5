"""Tests of edits that are no HTTP requests: a line of a batch, or an event, becomes a job that a worker makes."""

from functools import partial

import pytest

from retouch.api.event_edit import submit_event_edit
from retouch.core.errors import IdempotencyKeyReused, InvalidRequest
from retouch.gateway.authentication import Principal
from retouch.gateway.orders.edit_job import JobOptions
from retouch.gateway.result import EditResult
from retouch.orders.jobs import job_id
from retouch.orders.order import Order
from retouch.tenants.keys import plain_key
from tests.support.images import data_url
from tests.support.jobs import IMAGE, JobGateway
from tests.support.upstream import Upstream

EDIT = {"model": "gpt-image-2", "prompt": "p", "images": [data_url(IMAGE)]}
OPERATOR = Principal(is_operator=True)


@pytest.fixture
def gateway():
    with Upstream() as upstream:
        yield JobGateway(upstream)


@pytest.fixture
def submit(gateway):
    return partial(
        submit_event_edit,
        services=gateway.services,
        request_id="invocation-1",
        deadline=gateway.clock.now() + 60,
    )


def test_edit_of_an_event_is_a_job_that_a_worker_makes(gateway, submit):
    options = JobOptions(key="b:1", source="batch", metadata={"a": "b"})
    order = submit(EDIT, OPERATOR, options)
    assert (order.state, order.source, order.is_job) == ("queued", "batch", True)
    assert gateway.work(job_id(order))
    done = gateway.orders.orders[order.key]
    assert (done.state, done.billed, done.metadata) == ("done", "yes", {"a": "b"})
    assert gateway.upstream.calls[0].fields["prompt"] == "p"


def test_event_that_is_delivered_twice_is_one_job(gateway, submit):
    options = JobOptions(key="b:1", source="batch")
    first, second = submit(EDIT, OPERATOR, options), submit(EDIT, OPERATOR, options)
    assert first.id == second.id
    while gateway.queue.messages:
        assert gateway.work()
    assert len(gateway.upstream.calls) == 1


def test_same_key_of_another_source_or_caller_is_another_job(submit):
    orders = [
        submit(EDIT, OPERATOR, JobOptions(key="k", source="batch")),
        submit(EDIT, OPERATOR, JobOptions(key="k", source="s3")),
        submit(EDIT, Principal(plain_key("name", "digest")), JobOptions(key="k", source="batch")),
    ]
    assert len({one.id for one in orders}) == 3


def test_same_key_with_another_edit_is_refused(submit):
    submit(EDIT, OPERATOR, JobOptions(key="k", source="sqs"))
    with pytest.raises(IdempotencyKeyReused):
        submit({**EDIT, "prompt": "q"}, OPERATOR, JobOptions(key="k", source="sqs"))


def test_refused_edit_is_returned_and_stores_nothing(gateway, submit):
    result = submit({**EDIT, "n": 99}, OPERATOR, JobOptions(key="k", source="sqs"))
    assert isinstance(result, EditResult)
    assert result.status == 400
    assert gateway.orders.orders == {}


def test_edit_of_a_key_may_not_name_an_object_of_the_bucket(submit):
    edit = {**EDIT, "images": [{"image_url": "s3://bucket/photo.png"}]}
    with pytest.raises(InvalidRequest, match="S3 object"):
        submit(edit, Principal(plain_key("name", "digest")), JobOptions(key="k", source="batch"))


def test_job_of_an_event_belongs_to_the_key_that_pays():
    with Upstream() as upstream:
        gateway = JobGateway(upstream, RETOUCH_AUTH_MODE="keys")
        own, other = ({"Authorization": f"Bearer rt_{name}"} for name in "ab")
        digest = gateway.digest("a")
        order = submit_event_edit(
            EDIT,
            Principal(plain_key("a", digest)),
            JobOptions(key="k", source="batch"),
            gateway.services,
            request_id="i",
            deadline=gateway.clock.now() + 60,
        )
        assert isinstance(order, Order)
        assert gateway.get(job_id(order), headers=own).json["status"] == "queued"
        assert gateway.get(job_id(order), headers=other).status == 404
        assert gateway.work(job_id(order))
        assert gateway.get(job_id(order), headers=own).json["status"] == "completed"
