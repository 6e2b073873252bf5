"""Tests of the messages about edits: EventBridge and SQS from moto over a real socket."""

import json

import pytest

from retouch.core.settings import Settings
from retouch.inbox.ports import MessageNotSent
from retouch.infrastructure.aws.clients import AwsClients
from retouch.infrastructure.aws.event_messages import AwsEventMessages

ACCOUNT = "arn:aws:sqs:us-east-1:123456789012"
EVENT = {
    "specversion": "1.0",
    "id": "ord_1/retouch.edit.completed",
    "type": "retouch.edit.completed",
}


def messages(aws, **settings):
    return AwsEventMessages(Settings(events_dlq_url=aws.dead, **settings), AwsClients())


def test_event_is_published_as_a_cloud_event_in_the_detail(aws):
    messages(aws, event_bus="bus").publish(EVENT)
    ((body, _),) = aws.take_messages(aws.events_queue)
    event = json.loads(body)
    assert (event["source"], event["detail-type"]) == ("retouch", "retouch.edit.completed")
    assert event["detail"] == EVENT


def test_without_a_bus_nothing_is_published(aws):
    messages(aws).publish(EVENT)
    assert aws.take_messages(aws.events_queue) == []


def test_entry_that_the_bus_refuses_with_status_200_is_not_sent(aws, monkeypatch):
    class Bus:
        def put_events(self, **_):
            return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException"}]}

    sender = messages(aws, event_bus="bus")
    monkeypatch.setattr(sender._aws, "client", lambda *_: Bus())
    with pytest.raises(MessageNotSent, match="ThrottlingException"):
        sender.publish(EVENT)


def test_reply_is_sent_to_the_queue_of_the_arn_with_its_order(aws):
    messages(aws).reply(f"{ACCOUNT}:orders", {"id": "edit_1"}, "ord_1")
    assert aws.take_messages(aws.queue) == [('{"id":"edit_1"}', {"order": "ord_1"})]


def test_reply_to_a_fifo_queue_arrives_once(aws):
    url = aws.sqs.create_queue(QueueName="replies.fifo", Attributes={"FifoQueue": "true"})
    for _ in range(2):
        messages(aws).reply(f"{ACCOUNT}:replies.fifo", {"id": "edit_1"}, "ord_1")
    assert len(aws.take_messages(url["QueueUrl"])) == 1


def test_reply_to_a_queue_that_does_not_exist_is_not_sent(aws):
    with pytest.raises(MessageNotSent):
        messages(aws).reply(f"{ACCOUNT}:nowhere", {}, "ord_1")


def test_rejected_message_keeps_its_body_its_reason_and_its_first_id(aws):
    messages(aws).reject('{"hello": 1}', "unknown_event", "two\nlines", "m-1")
    ((body, attributes),) = aws.take_messages(aws.dead)
    assert body == '{"hello": 1}'
    assert attributes == {
        "code": "unknown_event",
        "reason": "two lines",
        "retouch-message-id": "m-1",
    }


def test_rejected_message_without_a_dead_letter_queue_is_only_logged(aws):
    AwsEventMessages(Settings(), AwsClients()).reject("{}", "unknown_event", "r", "m-1")
    assert aws.take_messages(aws.dead) == []


def test_state_that_does_not_wait_any_more_is_no_error(aws):
    sender = messages(aws)
    sender.succeed_task("gone", {})
    sender.fail_task("gone", "Retouch.x", "y")
    sender.send_heartbeat("gone")
