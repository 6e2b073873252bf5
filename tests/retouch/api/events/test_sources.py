"""Tests that events are recognized by their shape, and that an unknown event fails the invocation."""

import pytest

from retouch.api.events.sources import event_payload, event_source, parse_messages
from retouch.api.events.unknown import UnknownEvent
from tests.support.events import proxy_event as http_event

SQS_RECORD = {
    "messageId": "m-1",
    "receiptHandle": "r",
    "body": "{}",
    "attributes": {"ApproximateReceiveCount": "3", "SentTimestamp": "1795324800000"},
    "eventSource": "aws:sqs",
}
REQUEST = {"url": "https://a.example/"}


def test_event_source_is_recognized_by_event_shape():
    assert event_source(http_event(path="/v1/mirror")) == "http"
    assert event_source({"Records": [SQS_RECORD]}) == "queue"
    assert event_source({"source": "shop", "detail-type": "x", "detail": REQUEST}) == "bus"
    assert event_source(REQUEST) == event_source({"urls": []}) == "direct"


@pytest.mark.parametrize(
    "event",
    [
        None,
        [],
        "text",
        7,
        {},
        {"detail": REQUEST},
        {"detail-type": "x", "detail": "text"},
        {"a": 1},
        {"requestContext": {"functionArn": "f", "condition": "RetriesExhausted"}},
        {"requestContext": {"routeKey": "$connect", "eventType": "CONNECT"}},
    ],
)
def test_unknown_event_shape_raises_unknown_event(event):
    with pytest.raises(UnknownEvent):
        event_source(event)


def test_sqs_record_is_read_as_message():
    (message,) = parse_messages({"Records": [SQS_RECORD]})
    assert (message.id, message.body, message.receipt_handle, message.receive_count) == (
        "m-1",
        "{}",
        "r",
        3,
    )
    assert message.sent_at_ms == 1_795_324_800_000


def test_requeued_message_keeps_tries_and_first_sent_time():
    attributes = {
        "retouch-tries": {"stringValue": "2", "dataType": "Number"},
        "retouch-sent": {"stringValue": "1795324700000", "dataType": "Number"},
    }
    (message,) = parse_messages({"Records": [{**SQS_RECORD, "messageAttributes": attributes}]})
    assert (message.receive_count, message.sent_at_ms) == (5, 1_795_324_700_000)


@pytest.mark.parametrize(
    "tries_attribute", [None, {}, {"stringValue": "-1"}, {"binaryValue": "eA=="}]
)
@pytest.mark.parametrize("text", ["", "x", "1e9", "1.5", "٣", "9" * 5000])
def test_invalid_message_attributes_are_ignored(tries_attribute, text):
    attributes = {
        "retouch-tries": tries_attribute,
        "retouch-sent": {"stringValue": text},
        "shop": {},
    }
    (message,) = parse_messages({"Records": [{**SQS_RECORD, "messageAttributes": attributes}]})
    assert (message.receive_count, message.sent_at_ms) == (3, 1_795_324_800_000)


@pytest.mark.parametrize(
    "records",
    [
        [],
        {},
        None,
        [None],
        [{**SQS_RECORD, "messageId": ""}],
        [{**SQS_RECORD, "messageId": None}],
        [{k: v for k, v in SQS_RECORD.items() if k != "messageId"}],
        [{**SQS_RECORD, "body": None}],
        [{**SQS_RECORD, "eventSource": "aws:s3"}],
        [SQS_RECORD, {"s3": {}}],
    ],
)
def test_record_without_message_id_raises_unknown_event(records):
    with pytest.raises(UnknownEvent):
        parse_messages({"Records": records})


def test_event_payload_is_unwrapped():
    cloud = {"specversion": "1.0", "id": "1", "type": "t", "source": "s", "data": REQUEST}
    assert event_payload(REQUEST) == REQUEST
    assert event_payload(cloud) == REQUEST
    assert event_payload({"detail-type": "t", "detail": REQUEST}) == REQUEST
    assert event_payload({"detail-type": "t", "detail": cloud}) == REQUEST
    assert event_payload({"specversion": "1.0"}) is None
    assert event_payload("text") == "text"
