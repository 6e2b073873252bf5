"""Tests of messages and events of the bus that contain an edit."""

import json

import pytest

from tests.support.event_gateway import EDIT, REPLIES


def bus_event(detail, identifier="e-1"):
    return {
        "version": "0",
        "id": identifier,
        "detail-type": "retouch.edit.requested",
        "source": "shop",
        "detail": detail,
    }


def cloud_event(identifier="4711"):
    return {"specversion": "1.0", "id": identifier, "source": "urn:shop", "type": "t", "data": EDIT}


def test_edit_in_a_message_is_made_and_its_reply_names_the_order(gateway):
    gateway.post({**EDIT, "reply_to": REPLIES, "metadata": {"a": "b"}})
    gateway.work_all()
    ((queue, document, identifier),) = gateway.sent.replies
    assert (queue, identifier) == (REPLIES, gateway.stored.id)
    assert (document["status"], document["metadata"]) == ("completed", {"a": "b"})
    assert document["result"]["data"][0]["url"].startswith("https://")


def test_message_delivered_again_buys_once(gateway):
    for _ in range(3):
        gateway.post(EDIT, "m-4711")
    gateway.work_all()
    assert gateway.calls == 1


def test_equal_edits_in_two_messages_are_two_edits(gateway):
    gateway.post(EDIT)
    gateway.post(EDIT)
    gateway.work_all()
    assert gateway.calls == 2


def test_two_messages_with_one_idempotency_key_buy_once_and_both_are_told(gateway):
    for token in ("t-1", "t-2"):
        gateway.post({**EDIT, "idempotency_key": "order-1", "task_token": token})
    gateway.work_until(60)
    assert gateway.calls == 1
    assert {token for token, *_ in gateway.sent.tasks} == {"t-1", "t-2"}
    assert len({json.dumps(output) for *_, output in gateway.sent.tasks}) == 1


def test_idempotency_key_of_another_edit_is_a_failure(gateway):
    gateway.post({**EDIT, "idempotency_key": "order-1"})
    gateway.post({**EDIT, "prompt": "other", "idempotency_key": "order-1", "task_token": "t-2"})
    gateway.work_all()
    ((token, error, _),) = gateway.sent.tasks
    assert (token, error) == ("t-2", "Retouch.idempotency_key_reused")
    assert gateway.calls == 1


def test_cloud_event_sent_twice_by_its_producer_buys_once(gateway):
    for number in (1, 2):
        gateway.post(bus_event(cloud_event(), f"e-{number}"))
    gateway.work_all()
    assert gateway.calls == 1


def test_event_of_the_bus_is_made_once_for_each_event_id(gateway):
    for identifier in ("e-1", "e-1", "e-2"):
        gateway.post(bus_event(EDIT, identifier))
    gateway.work_all()
    assert gateway.calls == 2


def test_bad_message_of_ten_fails_and_nine_are_made(gateway):
    for number in range(9):
        gateway.post({**EDIT, "prompt": f"p {number}"})
    gateway.post({**EDIT, "model": "nobody/nothing"}, "m-bad")
    gateway.work_all()
    assert gateway.calls == 9
    assert (gateway.messages, gateway.sent.rejected) == ([], [])
    assert sorted(gateway.event_types) == [*["completed"] * 9, "failed"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"reply_to": "arn:aws:sqs:us-east-1:123456789012:strangers"}, "reply_queue_not_allowed"),
        ({"deadline": 5}, "invalid_value"),
        ({"stream": True}, "unsupported_parameter"),
    ],
)
def test_message_with_an_invalid_envelope_is_a_failure_and_buys_nothing(gateway, fields, code):
    gateway.post({**EDIT, **fields})
    gateway.work_all()
    (event,) = gateway.sent.events
    assert event["data"]["error"]["code"] == code
    assert gateway.sent.replies == []
    assert (gateway.calls, gateway.messages) == (0, [])


def test_failure_of_a_state_has_the_code_as_its_name(gateway):
    gateway.answer(400, {"error": {"message": "no", "code": "moderation_blocked"}})
    gateway.post({**EDIT, "task_token": "t-1"})
    gateway.work_all()
    ((token, error, cause),) = gateway.sent.tasks
    assert token == "t-1"
    assert error.startswith("Retouch.")
    assert cause


def test_state_that_waits_gets_a_heartbeat_while_its_edit_is_made(gateway):
    gateway.post({**EDIT, "task_token": "t-1"})
    gateway.work_all()
    assert gateway.sent.heartbeats == ["t-1"]


def test_task_token_is_in_no_event_and_no_reply(gateway):
    gateway.post({**EDIT, "task_token": "secret-token", "reply_to": REPLIES})
    gateway.work_all()
    assert "secret-token" not in json.dumps([gateway.sent.events, gateway.sent.replies])


def test_order_of_an_event_is_kept_for_as_long_as_a_dead_letter_queue(gateway):
    gateway.upload()
    message = gateway.messages[0]
    gateway.work_all()
    gateway.clock.advance(13 * 86_400)
    gateway.orders.answers.clear()  # the bucket has deleted them
    gateway.post(message.body)
    gateway.work_all()
    assert gateway.calls == 1
    assert gateway.messages == []
