"""Tests of deliveries that are sent again because their owner asks for it, or because their message was lost."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from retouch.core.errors import WebhookConflict
from retouch.webhooks.outbox import redeliver
from tests.support.webhooks import (
    ACCEPTED,
    FAILED,
    attempt_times,
)


def test_redelivered_event_has_the_same_id_and_body(system, receiver):
    endpoint, _ = system.create()
    delivery = system.emit(endpoint)
    system.work()
    system.clock.advance(60)
    redeliver(system.delivery(delivery), system.services, system.clock.unix_time())
    system.work()
    first, second = receiver.received
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.headers["webhook-timestamp"] != second.headers["webhook-timestamp"]
    assert len(system.delivery(delivery).attempts) == 2


def test_delivery_that_is_redelivered_ten_times_at_once_is_sent_once(system, receiver):
    endpoint, _ = system.create()
    identifier = system.emit(endpoint)
    system.work()
    delivered, start = system.delivery(identifier), threading.Barrier(10)

    def redeliver_at_once(_):
        start.wait()
        try:
            return redeliver(delivered, system.services, system.clock.unix_time()).state
        except WebhookConflict:
            return "refused"

    with ThreadPoolExecutor(10) as pool:
        states = sorted(pool.map(redeliver_at_once, range(10)))
    assert states == ["pending"] + ["refused"] * 9
    system.run_schedule()
    assert len(receiver.received) == 2


def test_failed_delivery_gets_a_new_schedule_when_it_is_redelivered(system, receiver):
    receiver.responses[:] = [FAILED]
    endpoint, _ = system.create()
    delivery = system.emit(endpoint)
    system.run_schedule(days=5)
    receiver.responses[:] = [FAILED, ACCEPTED]
    redeliver(system.delivery(delivery), system.services, system.clock.unix_time())
    system.run_schedule()
    assert system.delivery(delivery).state == "delivered"
    times = attempt_times(system.delivery(delivery))
    assert times[-1] - times[-2] == 5


def test_pending_delivery_is_not_redelivered(system, receiver):
    receiver.responses[:] = [FAILED]
    endpoint, _ = system.create()
    delivery = system.emit(endpoint)
    for _ in range(2):
        with pytest.raises(WebhookConflict):
            redeliver(system.delivery(delivery), system.services, system.clock.unix_time())
        system.work()
    assert len(receiver.received) == 1


def test_delivery_stays_as_it_was_when_the_queue_does_not_take_its_message(system):
    endpoint, _ = system.create()
    delivery = system.emit(endpoint)
    system.work()
    system.queue.is_down = True
    with pytest.raises(OSError, match="down"):
        redeliver(system.delivery(delivery), system.services, system.clock.unix_time())
    assert system.delivery(delivery).state == "delivered"


def test_pending_delivery_whose_message_was_lost_is_redelivered(system, receiver):
    endpoint, _ = system.create()
    delivery = system.emit(endpoint)
    system.queue.messages.clear()
    system.clock.advance(901)
    redeliver(system.delivery(delivery), system.services, system.clock.unix_time())
    system.work()
    assert len(receiver.received) == 1


def test_event_that_is_queued_again_keeps_one_delivery(system, receiver):
    endpoint, _ = system.create()
    first, second = system.emit(endpoint), system.emit(endpoint)
    system.run_schedule()
    assert first == second
    assert len(receiver.received) == 1
    system.emit(endpoint)  # after its delivery
    assert not system.queue.messages
