"""Tests of the events of jobs: every end of a job reaches its endpoints, whoever dies between the end and the event."""

from dataclasses import replace

import pytest

from retouch.core.errors import OrdersUnavailable, WebhooksUnavailable
from retouch.gateway.orders.job_events import emit_event
from retouch.orders.sweeper import sweep
from tests.support.jobs import ASYNC, DEAD_LETTERS, FIELDS, JobGateway
from tests.support.killed_process import ProcessKilled
from tests.support.services import FakeClock
from tests.support.upstream import Upstream
from tests.support.webhooks import URL, Receiver, WebhookSystem


class JobEventGateway(JobGateway):
    """A gateway with jobs and webhooks."""

    def __init__(self, folder, upstream, receiver):
        clock = FakeClock()
        self.webhooks = WebhookSystem(folder, receiver, clock)
        super().__init__(upstream, clock, webhooks=self.webhooks.services)

    @property
    def scope(self):
        """The scope of a caller without a key."""
        return self.stored.scope

    def start(self, **fields):
        """Start a job. Return its id."""
        response = self.send(ASYNC, {**FIELDS, **fields})
        assert response.status == 202, response.json
        return response.json["id"]

    def register(self, event_types=("image.edit.completed", "image.edit.failed")):
        """Register an endpoint for callers without a key, by a first job that shows their scope."""
        if not self.orders.orders:
            self.start()
            self.orders_scope = self.scope
            self.orders.orders.clear()
            self.queue.messages.clear()
        return self.webhooks.create(event_types=event_types, scope=self.orders_scope)[0]

    def sweep(self, seconds=61):
        self.clock.advance(seconds)
        return sweep(
            self.stores,
            self.queue,
            self.clock.unix_time(),
            lambda order: emit_event(
                order, self.orders, lambda: self.webhooks.services, self.clock.unix_time()
            ),
        )


@pytest.fixture
def gateway(tmp_path):
    with Upstream() as upstream, Receiver() as receiver:
        yield JobEventGateway(tmp_path, upstream, receiver)


def test_completed_job_sends_its_event_once(gateway):
    gateway.register()
    job = gateway.start(metadata='{"order": "4711"}')
    assert gateway.work()
    (event,) = gateway.webhooks.receive()
    assert event["id"] == f"msg_{job}_image_edit_completed"
    assert event["type"] == "image.edit.completed"
    assert event["data"] == {
        "id": job,
        "object": "image.edit",
        "status": "completed",
        "metadata": {"order": "4711"},
        "billed": "yes",
        "cost_usd": gateway.get(job).json["cost_usd"],
    }
    assert gateway.stored.event == ""
    assert gateway.sweep() == {}
    assert len(gateway.webhooks.receive()) == 1


def test_failed_job_sends_its_event(gateway):
    gateway.register()
    job = gateway.start()
    gateway.answer(400, {"error": {"message": "no", "code": "x"}})
    assert gateway.work()
    (event,) = gateway.webhooks.receive()
    assert (event["type"], event["data"]["billed"]) == ("image.edit.failed", "no")
    assert gateway.get(job).json["status"] == "failed"


def test_cancelled_job_sends_its_event_and_the_second_cancel_none(gateway):
    gateway.register(["image.edit.cancelled"])
    job = gateway.start()
    first, second = gateway.cancel(job), gateway.cancel(job)
    assert (first.status, second.status) == (200, 200)
    assert first.json == second.json
    assert first.headers["etag"] == second.headers["etag"]
    (event,) = gateway.webhooks.receive()
    assert event["type"] == "image.edit.cancelled"
    assert gateway.upstream.calls == []


@pytest.mark.parametrize("by", ["worker", "sweeper"])
def test_expired_job_sends_its_event(gateway, by):
    gateway.register(["image.edit.expired"])
    gateway.start()
    gateway.clock.advance(3601)
    if by == "worker":
        assert gateway.work()
    else:
        gateway.sweep()
    (event,) = gateway.webhooks.receive()
    assert (event["type"], event["data"]["billed"]) == ("image.edit.expired", "no")


def test_job_of_a_dead_letter_sends_its_event(gateway):
    gateway.register()
    job = gateway.start()
    assert gateway.work(job, DEAD_LETTERS)
    (event,) = gateway.webhooks.receive()
    assert event["type"] == "image.edit.failed"


def die(*_, **__):
    raise ProcessKilled


@pytest.mark.parametrize("by", ["worker", "sweeper"])
@pytest.mark.parametrize("step", ["before the delivery", "before the message", "before the note"])
def test_event_of_a_worker_that_dies_after_the_end_is_sent_by_the_next(gateway, step, by):
    gateway.register()
    job = gateway.start()
    services, write = gateway.webhooks.services, gateway.orders.write
    table, queue = services.table, services.queue
    if step == "before the delivery":
        table.write = die
    elif step == "before the message":
        queue.send = die
    else:

        def write_unless_noted(order, replaces):
            return (
                die() if replaces and replaces.event and not order.event else write(order, replaces)
            )

        gateway.orders.write = write_unless_noted
    with pytest.raises(ProcessKilled):
        gateway.work(job)
    for patched in (table, queue):
        vars(patched).pop("write", None)
        vars(patched).pop("send", None)
    gateway.orders.write = write
    assert gateway.stored.event == "pending"
    if by == "worker":
        assert gateway.work(job)
    else:
        gateway.sweep()
    assert gateway.stored.event == ""
    assert [event["type"] for event in gateway.webhooks.receive()] == ["image.edit.completed"]
    assert len(gateway.upstream.calls) == 1


def test_event_waits_for_the_sweeper_while_the_table_of_webhooks_is_down(gateway):
    gateway.register()
    gateway.start()
    services = gateway.webhooks.services
    read = services.table.read

    def fail(*_):
        raise WebhooksUnavailable("down")

    services.table.read = fail
    assert gateway.work()
    assert gateway.stored.state == "done"
    assert gateway.webhooks.receive() == []
    services.table.read = read
    gateway.sweep()
    assert len(gateway.webhooks.receive()) == 1


def test_job_with_an_unknown_outcome_sends_its_event(gateway):
    gateway.register()
    job = gateway.start()
    put, gateway.orders.put = gateway.orders.put, die
    with pytest.raises(ProcessKilled):
        gateway.work(job)
    gateway.orders.put = put
    gateway.sweep(200)
    (event,) = gateway.webhooks.receive()
    assert (event["type"], event["data"]["billed"]) == ("image.edit.failed", "unknown")


def test_named_endpoint_is_the_only_one_that_gets_the_event(gateway):
    gateway.register()
    named = gateway.register()
    gateway.start(webhook=named.id)
    assert gateway.stored.webhooks == named.id
    assert gateway.work()
    assert len(gateway.webhooks.receive()) == 1
    assert "webhook" not in gateway.upstream.calls[0].fields


def test_endpoint_is_named_by_its_url_or_in_the_header(gateway):
    named = gateway.register()
    response = gateway.send({**ASYNC, "x-retouch-webhook": URL})
    assert response.status == 202
    assert gateway.stored.webhooks == named.id


def test_unknown_endpoint_is_refused_before_anything_is_stored(gateway):
    gateway.register()
    for webhook in ("we_1", "https://other.test/"):
        response = gateway.send(ASYNC, {**FIELDS, "webhook": webhook})
        assert (response.status, response.json["error"]["param"]) == (400, "webhook")
    assert not gateway.orders.orders
    assert not gateway.queue.messages


def test_endpoint_without_the_type_of_the_end_gets_nothing(gateway):
    gateway.register(["image.edit.failed"])
    gateway.start()
    assert gateway.work()
    assert gateway.webhooks.receive() == []
    assert gateway.stored.event == ""


def test_endpoint_that_is_deleted_meanwhile_gets_nothing(gateway):
    endpoint = gateway.register()
    gateway.start()
    gateway.webhooks.services.table.delete(endpoint.scope, endpoint.id)
    assert gateway.work()
    assert gateway.webhooks.receive() == []
    assert gateway.stored.event == ""


def test_job_without_endpoints_has_no_event_and_no_further_write(gateway):
    gateway.start()
    write, writes = gateway.orders.write, []

    def count(order, replaces):
        writes.append(order.state)
        return write(order, replaces)

    gateway.orders.write = count
    assert gateway.work()
    assert writes == ["accepted", "sent", "done"]
    assert gateway.stored.event == ""


def test_deleted_job_sends_its_event_first(gateway):
    gateway.register()
    job = gateway.start()
    services = gateway.webhooks.services
    send, services.queue.send = services.queue.send, die
    with pytest.raises(ProcessKilled):
        gateway.work()
    services.queue.send = send
    assert gateway.get(job, method="DELETE").status == 200
    assert not gateway.orders.orders
    assert len(gateway.webhooks.receive()) == 1


def test_endpoint_of_another_key_gets_nothing(gateway):
    gateway.webhooks.create(scope="another")
    gateway.start()
    assert gateway.stored.webhooks == ""


def test_end_of_an_order_that_changed_meanwhile_keeps_its_event(gateway):
    gateway.register()
    gateway.start()
    assert gateway.work()
    pending = gateway.orders.write(
        replace(gateway.stored, event="pending", lease=0), gateway.stored
    )
    stale = replace(pending, version="stale")
    emit_event(stale, gateway.orders, lambda: gateway.webhooks.services, gateway.clock.unix_time())
    assert gateway.stored.event == "pending"
    gateway.sweep()
    assert gateway.stored.event == ""
    assert len(gateway.webhooks.receive()) == 1


def test_failure_of_the_orders_after_the_event_sends_it_once(gateway):
    gateway.register()
    gateway.start()
    write = gateway.orders.write

    def fail_to_note(order, replaces):
        if replaces and replaces.event and not order.event:
            raise OrdersUnavailable("down")
        return write(order, replaces)

    gateway.orders.write = fail_to_note
    assert gateway.work()
    gateway.orders.write = write
    gateway.sweep()
    assert len(gateway.webhooks.receive()) == 1
