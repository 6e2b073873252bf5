"""Tests of events that few producers send: names that need encoding, values of other types, unreadable messages."""

import json
import random

import pytest

from retouch.inbox.store import InboxUnavailable
from tests.support.event_gateway import EDIT, PHOTO, PHOTO_KEY, EventGateway
from tests.support.events import lambda_context
from tests.support.inbox import object_bus_event, object_notification
from tests.support.upstream import Upstream

OUTPUT = "outbox/white/photo.png"
LONG = "é" * 495 + ".png"  # 994 bytes, which are 2,974 characters in the metadata of the result


@pytest.fixture
def gateway():
    with Upstream() as upstream:
        yield EventGateway(upstream)


def sns(message):
    return {"Type": "Notification", "MessageId": "1", "Message": json.dumps(message)}


@pytest.mark.parametrize(
    "name",
    [
        "a//b.png",
        "/a.png",
        " a .png",
        "100%25+1 = 101%.png",
        "a&b=c;d?e#f.png",
        "日本/写真 🐈.png",
        "e\u0301.png",
        "a\tb.png",
        "..png",
        LONG,
    ],
)
def test_name_in_every_encoding_three_times_and_shuffled_has_one_result(gateway, name):
    event = gateway.inbox.upload(f"inbox/white/{name}", PHOTO)
    for body in (object_bus_event(event), object_notification(event), sns(object_bus_event(event))):
        for _ in range(3):
            gateway.post(body)
    gateway.work_all(shuffle=random.Random(1).shuffle)
    assert [one for one in gateway.inbox.objects if one.startswith("outbox/")] == [
        f"outbox/white/{name}",
        f"outbox/white/{name}.json",
    ]
    assert (gateway.calls, gateway.messages, gateway.sent.rejected) == (1, [], [])
    assert len(gateway.event_ids) == 1


@pytest.mark.parametrize("value", [None, 7, "", ["a"], {"name": "photos"}])
@pytest.mark.parametrize("place", ["key", "bucket"])
@pytest.mark.parametrize("build", [object_bus_event, object_notification])
def test_object_whose_name_is_no_text_is_a_dead_letter(gateway, build, place, value):
    body = build(gateway.inbox.upload(PHOTO_KEY, PHOTO))
    told = body["Records"][0]["s3"] if "Records" in body else body["detail"]
    told["object" if place == "key" else "bucket"]["key" if place == "key" else "name"] = value
    gateway.post(body)
    gateway.work_all()
    ((_, code, _, _),) = gateway.sent.rejected
    assert (code, gateway.messages, gateway.calls) == ("unknown_event", [], 0)


def test_batch_keeps_only_the_message_that_may_work_later(gateway):
    gateway.inbox.upload(PHOTO_KEY, PHOTO)
    bodies = [
        json.dumps({"hello": "retouch"}),
        json.dumps({"Event": "s3:TestEvent", "Bucket": "photos"}),
        json.dumps({**EDIT, "model": "nobody/nothing"}),
        json.dumps({**EDIT, "prompt": "good"}),
        json.dumps(object_bus_event(gateway.inbox.upload("inbox/white/later.png", PHOTO))),
        "no JSON",
    ]
    read = gateway.inbox.read

    def read_or_fail(bucket, key, etag=""):
        if key.endswith("later.png"):
            raise InboxUnavailable("Access Denied")
        return read(bucket, key, etag)

    gateway.inbox.read = read_or_fail
    gateway.post({})  # whose pause the queue notes
    gateway._current = gateway.messages.pop()
    records = [
        {
            "messageId": f"m-{number}",
            "receiptHandle": f"r-{number}",
            "body": body,
            "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1"},
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:edits",
        }
        for number, body in enumerate(bodies)
    ]
    response = gateway.handler({"Records": records}, lambda_context(60.0))
    assert response == {"batchItemFailures": [{"itemIdentifier": "m-4"}]}
    assert [code for _, code, _, _ in gateway.sent.rejected] == ["unknown_event"] * 2
    gateway.work_all()
    assert gateway.calls == 1
    assert sorted(gateway.event_types) == ["completed", "failed"]


def test_bucket_without_permission_leaves_the_event_until_it_is_given(gateway):
    read = gateway.inbox.read

    def deny(bucket, key, etag=""):
        raise InboxUnavailable("Access Denied")

    gateway.inbox.read = deny
    gateway.restart()
    gateway.upload(times=2)
    gateway.work_until(120)
    assert (gateway.calls, gateway.sent.events, len(gateway.messages)) == (0, [], 2)
    gateway.inbox.read = read
    gateway.work_until(120)
    assert (gateway.calls, gateway.messages, set(gateway.event_types)) == (1, [], {"completed"})
    assert len(gateway.event_ids) == 1


def test_edit_of_an_input_transformer_with_the_id_of_its_event_is_bought_once(gateway):
    # EventBridge may send one event twice to the queue, where it has two message ids.
    for identifier in ("m-1", "m-2"):
        gateway.post(
            {**EDIT, "idempotency_key": "17793124-05d4-b198-2fde-7ededc63b103"}, identifier
        )
    gateway.work_all()
    assert (gateway.calls, gateway.messages) == (1, [])


@pytest.mark.parametrize(
    "body", [{"bucket": "photos", "key": PHOTO_KEY}, {"detail": {"key": PHOTO_KEY}}, "photo.png"]
)
def test_event_that_an_input_transformer_cut_is_a_dead_letter(gateway, body):
    gateway.post(json.dumps(body))
    gateway.work_all()
    ((_, code, _, _),) = gateway.sent.rejected
    assert (code, gateway.calls) == ("unknown_event", 0)
