"""Tests of the messages of the queue of edits, in the shapes that AWS documents."""

import json
from typing import Any

import pytest

from retouch.api.events.edit_messages import EditRequested, QueuedEvent, read_events
from retouch.api.events.unknown import UnknownEvent
from retouch.core.errors import InvalidRequest
from retouch.inbox.store import ObjectCreated
from tests.support.inbox import object_bus_event, object_notification, object_record

KEY = "inbox/white/a+b c%20ü.png"
OBJECT = ObjectCreated(
    "photos", KEY, "d41d8cd98f00b204e9800998ecf8427e", 1024, "0055AED6DCD90281E5"
)
EDIT = {
    "model": "local/erase",
    "prompt": "p",
    "images": [{"image_url": "https://example.com/a.png"}],
}


def read(body, **fields):
    return read_events(QueuedEvent("m-1", body, **fields))


def sns(message):
    """Return a notification as SNS delivers it to SQS, after the example in its developer guide."""
    return {
        "Type": "Notification",
        "MessageId": "63a3f6b6-d533-4a47-aef9-fcf5cf758c76",
        "TopicArn": "arn:aws:sns:us-west-2:123456789012:MyTopic",
        "Subject": "Amazon S3 Notification",
        "Message": json.dumps(message),
        "Timestamp": "2012-03-29T05:12:16.901Z",
        "SignatureVersion": "1",
    }


def bus_event(detail, detail_type="retouch.edit.requested", source="shop"):
    return {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": detail_type,
        "source": source,
        "account": "111122223333",
        "time": "2021-11-12T00:00:00Z",
        "region": "us-east-1",
        "resources": [],
        "detail": detail,
    }


def cloud_event(**fields):
    return {
        "specversion": "1.0",
        "id": "4711",
        "source": "urn:shop",
        "type": "retouch.edit.requested",
        "data": EDIT,
        **fields,
    }


@pytest.mark.parametrize(
    "body",
    [
        object_notification(OBJECT),
        object_notification(OBJECT, version="2.6"),
        object_notification(OBJECT, name="ObjectCreated:CompleteMultipartUpload"),
        sns(object_notification(OBJECT)),
        object_bus_event(OBJECT),
        object_bus_event(OBJECT, reason="CompleteMultipartUpload"),
        sns(object_bus_event(OBJECT)),
    ],
)
def test_every_shape_of_a_new_object_is_the_same_event(body):
    assert read(body) == [OBJECT]


def test_etag_is_read_in_the_spelling_of_the_other_shape_and_in_quotes():
    record, event = object_notification(OBJECT), object_bus_event(OBJECT)
    record["Records"][0]["s3"]["object"]["etag"] = record["Records"][0]["s3"]["object"].pop("eTag")
    event["detail"]["object"]["eTag"] = f'"{event["detail"]["object"].pop("etag")}"'
    assert read(record) == read(event) == [OBJECT]


def test_event_without_optional_fields_is_read():
    record = object_notification(OBJECT)
    for name in ("size", "eTag", "sequencer", "versionId"):
        del record["Records"][0]["s3"]["object"][name]
    assert read(record) == [ObjectCreated("photos", KEY)]


def test_ten_records_are_ten_objects():
    objects = [ObjectCreated("photos", f"inbox/white/{n}.png", "e", n, "01") for n in range(10)]
    assert read(object_notification(*objects)) == objects


@pytest.mark.parametrize(
    "body",
    [
        {
            "Service": "Amazon S3",
            "Event": "s3:TestEvent",
            "Time": "2014-10-13T15:57:02.089Z",
            "Bucket": "amzn-s3-demo-bucket",
            "RequestId": "5582815E1AEA5ADF",
            "HostId": "8cLeGAmw098X5cv4Zkwcmo8vvZa3eH3eKxsPzbB9wrR",
        },
        object_notification(OBJECT, name="ObjectRemoved:Delete"),
        {**object_bus_event(OBJECT), "detail-type": "Object Deleted"},
        {"Records": []},
    ],
)
def test_test_event_and_other_events_of_s3_are_nothing_to_do(body):
    assert read(body) == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"hello": "retouch"},
        {"Records": "x"},
        {"Records": [None]},
        {"Records": [{"eventSource": "aws:ses"}]},
        {"Records": [object_record(OBJECT), {"eventSource": "aws:sqs", "body": "{}"}]},
        {"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": {}}]},
        {"Event": "something"},
        {**object_notification(OBJECT), **object_bus_event(OBJECT)},
        {**object_bus_event(OBJECT), "detail": {"bucket": {"name": "b"}}},
        {**object_bus_event(OBJECT), "detail": None},
        {"Type": "Notification", "Message": "no JSON"},
        {"Type": "Notification", "Message": "[]"},
        bus_event(EDIT, detail_type="order.created"),
        bus_event({"order": 1}),
        {**bus_event(EDIT), "id": None},
        cloud_event(data=None),
        cloud_event(source=""),
        cloud_event(id=7),
    ],
)
def test_message_of_unknown_form_is_refused(body):
    with pytest.raises(UnknownEvent):
        read(body)


def test_edit_in_a_message_has_the_key_of_its_message():
    (edit,) = read(EDIT)
    assert edit == EditRequested(EDIT, "sqs:m-1", "sqs")


def test_message_from_a_dead_letter_queue_keeps_its_first_id():
    (edit,) = read(EDIT, message_attributes={"retouch-message-id": "m-0"})
    assert edit.key == "sqs:m-0"


def test_message_of_a_fifo_queue_has_the_key_of_its_deduplication_id():
    (edit,) = read(EDIT, attributes={"MessageDeduplicationId": "d-1"})
    assert edit.key == "fifo:d-1"


def test_envelope_of_a_message_is_not_part_of_the_edit():
    envelope: Any = {
        "idempotency_key": "order-4711",
        "reply_to": "arn:aws:sqs:us-east-1:123456789012:replies",
        "task_token": "AAAAKgAAAAIA",
        "metadata": {"a": "b"},
        "webhook": "we_1",
        "deadline": 600,
    }
    (edit,) = read({**EDIT, **envelope}, message_attributes={"api_key_id": "k_1"})
    assert edit == EditRequested(
        EDIT,
        "key:order-4711",
        "sqs",
        envelope["reply_to"],
        "AAAAKgAAAAIA",
        {"a": "b"},
        "we_1",
        600,
        "k_1",
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("idempotency_key", ""),
        ("idempotency_key", "a" * 256),
        ("reply_to", 7),
        ("task_token", ""),
        ("metadata", {"a": 1}),
        ("webhook", "a\nb"),
        ("deadline", 5),
    ],
)
def test_invalid_envelope_is_a_refused_edit_that_names_the_field(field, value):
    with pytest.raises(InvalidRequest) as caught:
        read({**EDIT, field: value})
    assert caught.value.param == field


def test_edit_on_the_bus_has_the_key_of_its_event():
    (edit,) = read(bus_event(EDIT))
    assert (edit.values, edit.key, edit.source) == (
        EDIT,
        "eb:17793124-05d4-b198-2fde-7ededc63b103",
        "eventbridge",
    )


@pytest.mark.parametrize("body", [bus_event(cloud_event()), cloud_event()])
def test_cloud_event_has_the_key_of_its_source_and_id(body):
    (edit,) = read(body)
    assert (edit.values, edit.key) == (EDIT, "ce:8:urn:shop/4711")


def test_cloud_events_with_a_slash_at_another_place_have_other_keys():
    (first,), (second,) = (
        read(cloud_event(source="a", id="b/c")),
        read(cloud_event(source="a/b", id="c")),
    )
    assert first.key != second.key
