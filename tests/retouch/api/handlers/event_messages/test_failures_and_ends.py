"""Tests of failures of the gateway itself, of dead letters, and of the messages about the end of an edit."""

import pytest

from retouch.orders.sweeper import sweep
from tests.support.event_gateway import EDIT, FAILURE, OUTPUT, REPLIES
from tests.support.jobs import DEAD_LETTERS
from tests.support.killed_process import ProcessKilled
from tests.support.order_gateway import kill_after_write


def test_bucket_that_is_down_leaves_the_message_and_tells_nothing(gateway):
    gateway.upload()
    gateway.inbox.is_down = True
    assert not gateway.deliver(gateway.messages[0])
    assert gateway.sent.events == []
    gateway.inbox.is_down = False
    gateway.work_until(60)
    assert (gateway.calls, gateway.messages) == (1, [])


def test_table_that_is_down_leaves_the_message(gateway):
    gateway.upload()
    gateway.orders.is_down = True
    assert not gateway.deliver(gateway.messages[0])
    gateway.orders.is_down = False
    gateway.work_until(60)
    assert gateway.calls == 1


def test_message_that_was_received_too_often_is_a_dead_letter_with_a_reason(gateway):
    gateway.upload()
    message = gateway.messages[0]
    assert gateway.redrive(message)
    ((body, code, _, first_id),) = gateway.sent.rejected
    assert (body, code, first_id) == (message.body, "too_many_receives", message.id)
    assert gateway.calls == 0


@pytest.mark.parametrize("body", ['{"hello": "retouch"}', "no JSON", "[]", '{"Records": [{}]}'])
def test_message_of_unknown_shape_is_a_dead_letter_with_a_reason(gateway, body):
    gateway.post(body)
    gateway.work_all()
    ((stored, code, reason, _),) = gateway.sent.rejected
    assert (stored, code) == (body, "unknown_event")
    assert reason
    assert (gateway.calls, gateway.messages) == (0, [])


def test_unknown_message_stays_when_the_dead_letter_queue_takes_nothing(gateway):
    gateway.sent.failures["reject"] = 1
    gateway.post({"hello": 1})
    assert not gateway.deliver(gateway.messages[0])
    gateway.clock.advance(60)
    gateway.work_all()
    assert len(gateway.sent.rejected) == 1


@pytest.mark.parametrize("method", ["publish", "reply", "succeed_task"])
def test_message_about_the_end_that_fails_is_sent_again_with_the_same_id(gateway, method):
    gateway.sent.failures[method] = 2
    gateway.post({**EDIT, "reply_to": REPLIES, "task_token": "t-1"})
    gateway.work_until(300)
    assert gateway.calls == 1
    assert gateway.messages == []
    assert len(gateway.event_ids) == 1
    assert {one[2] for one in gateway.sent.replies} == {gateway.stored.id}
    assert {one[0] for one in gateway.sent.tasks} == {"t-1"}


@pytest.mark.parametrize("state", ["queued", "accepted", "sent", "done"])
def test_worker_killed_at_any_step_buys_at_most_once_and_tells_the_end(gateway, state):
    gateway.upload()
    kill_after_write(gateway, state)
    with pytest.raises(ProcessKilled):
        gateway.work_all()
    gateway.work_until(2500, step=20)
    assert gateway.messages == []
    assert gateway.calls == (0 if state == "sent" else 1)
    key = FAILURE if state == "sent" else OUTPUT
    assert key in gateway.inbox.objects
    if state == "sent":
        failure = gateway.read_json(FAILURE)
        assert (failure["billed"], failure["error"]["code"]) == ("unknown", "order_outcome_unknown")
    assert len(gateway.event_ids) == 1


@pytest.mark.parametrize("step", [1, 2])
def test_worker_killed_while_it_writes_the_result_writes_it_again(gateway, step):
    gateway.upload()
    write, written = gateway.inbox.write, []

    def write_and_die(file, replaces):
        written.append(write(file, replaces))
        if len(written) == step:
            raise ProcessKilled
        return written[-1]

    gateway.inbox.write = write_and_die
    with pytest.raises(ProcessKilled):
        gateway.work_all()
    gateway.work_until(1000, step=20)
    assert gateway.calls == 1
    assert {OUTPUT, f"{OUTPUT}.json"} <= set(gateway.inbox.objects)
    assert gateway.event_types == ["completed"]
    assert gateway.messages == []


def test_cancelled_job_of_an_event_is_told(gateway):
    gateway.upload()
    gateway.deliver(gateway.messages[0])
    order = gateway.stored
    from retouch.orders.transitions import cancel

    gateway.orders.write(cancel(order, gateway.clock.unix_time(), 86_400), order)
    gateway.work_all()
    assert gateway.event_types == ["cancelled"]
    assert gateway.read_json(FAILURE)["error"]["code"] == "edit_cancelled"
    assert gateway.calls == 0


def test_job_that_no_worker_begins_in_time_is_told_as_expired(gateway):
    gateway.write_recipe(deadline=600)
    gateway.upload()
    gateway.deliver(gateway.messages[0])
    gateway.clock.advance(700)
    gateway.work_all()
    failure = gateway.read_json(FAILURE)
    assert (failure["status"], failure["error"]["code"]) == ("expired", "edit_expired")
    assert gateway.event_types == ["failed"]


def test_end_of_a_job_whose_message_is_lost_is_told_after_the_sweep(gateway):
    gateway.write_recipe(deadline=600)
    gateway.upload()
    gateway.deliver(gateway.messages[0])
    gateway.messages.clear()
    gateway.clock.advance(5000)
    sweep(gateway.services.orders, gateway.queue, gateway.clock.unix_time())
    gateway.work_all()
    assert gateway.read_json(FAILURE)["status"] == "expired"
    assert gateway.event_types == ["failed"]
    assert gateway.calls == 0


def test_abandoned_job_of_an_event_is_told(gateway):
    gateway.upload()
    gateway.deliver(gateway.messages[0])
    gateway.deliver(gateway.messages[0], DEAD_LETTERS)
    assert gateway.read_json(FAILURE)["error"]["code"] == "job_abandoned"
    assert gateway.event_types == ["failed"]


def test_job_of_an_http_request_is_told_on_the_bus(gateway):
    gateway.send()
    gateway.work_all()
    assert gateway.event_types == ["completed"]
