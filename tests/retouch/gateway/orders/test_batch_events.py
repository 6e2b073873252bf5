"""Tests of the events of batches: every end of a batch reaches its endpoints, also after a crash."""

import pytest

from retouch.core.errors import WebhooksUnavailable
from tests.support.batches import BatchGateway, batch_line
from tests.support.jobs import DEAD_LETTERS
from tests.support.services import FakeClock
from tests.support.upstream import Upstream
from tests.support.webhooks import Receiver, WebhookSystem


class BatchEventGateway(BatchGateway):
    """A gateway with batches and webhooks."""

    def __init__(self, folder, upstream, receiver):
        clock = FakeClock()
        self.webhooks = WebhookSystem(folder, receiver, clock)
        super().__init__(upstream, clock, webhooks=self.webhooks.services)

    def register(self, *event_types):
        """Register an endpoint for the scope of the only batch."""
        ((scope, _),) = [key for key in self.rows.rows if key[1].startswith("batch_")]
        return self.webhooks.create(event_types=event_types, scope=scope)[0]


@pytest.fixture
def gateway(tmp_path):
    with Upstream() as upstream, Receiver() as receiver:
        yield BatchEventGateway(tmp_path, upstream, receiver)


def lines_of(count):
    return [batch_line(number) for number in range(count)]


def test_completed_batch_sends_one_event_and_its_lines_send_none(gateway):
    identifier = gateway.create(lines_of(2), metadata={"a": "b"})
    gateway.register("batch.completed", "image.edit.completed")
    gateway.run(identifier)
    (event,) = gateway.webhooks.receive()
    assert event["id"] == f"msg_{identifier}_batch_completed"
    assert event["type"] == "batch.completed"
    assert event["data"] == {
        "id": identifier,
        "object": "batch",
        "status": "completed",
        "metadata": {"a": "b"},
    }


def test_batch_with_an_invalid_line_sends_its_failure(gateway):
    identifier = gateway.create([b"no json"])
    gateway.register("batch.failed")
    gateway.run(identifier)
    assert [event["type"] for event in gateway.webhooks.receive()] == ["batch.failed"]


def test_cancelled_batch_sends_its_event(gateway):
    identifier = gateway.create(lines_of(1))
    gateway.register("batch.cancelled")
    gateway.call("POST", f"/v1/batches/{identifier}/cancel")
    gateway.run(identifier)
    assert [event["type"] for event in gateway.webhooks.receive()] == ["batch.cancelled"]


def test_batch_of_a_dead_letter_sends_its_failure(gateway):
    gateway.create(lines_of(1))
    gateway.register("batch.failed")
    message, _ = gateway.steps.messages.pop()
    assert gateway.deliver(message, queue=DEAD_LETTERS)
    assert [event["type"] for event in gateway.webhooks.receive()] == ["batch.failed"]


def test_event_that_could_not_be_queued_is_queued_when_the_message_comes_again(gateway):
    gateway.create([b"no json"])
    gateway.register("batch.failed")
    read = gateway.webhooks.services.table.read

    def fail(*_):
        raise WebhooksUnavailable("down")

    gateway.webhooks.services.table.read = fail
    assert not gateway.step()
    gateway.webhooks.services.table.read = read
    assert gateway.step()
    assert len(gateway.webhooks.receive()) == 1


def test_message_of_an_ended_batch_that_comes_again_sends_nothing_twice(gateway):
    gateway.create([b"no json"])
    gateway.register("batch.failed")
    message, _ = gateway.steps.messages[0]
    assert gateway.step()
    assert len(gateway.webhooks.receive()) == 1
    assert gateway.deliver(message)
    assert len(gateway.webhooks.receive()) == 1
