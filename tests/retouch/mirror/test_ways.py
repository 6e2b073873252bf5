"""Events are told apart by their shape, and what nobody knows is an error of the invocation."""

import pytest

from retouch.mirror.ways import UnknownEvent, messages, unwrapped, way
from tests.support.events import event as http_event

RECORD = {
    "messageId": "m-1",
    "receiptHandle": "r",
    "body": "{}",
    "attributes": {"ApproximateReceiveCount": "3", "SentTimestamp": "1795324800000"},
    "eventSource": "aws:sqs",
}
ORDER = {"url": "https://a.example/"}


def test_the_four_ways():
    assert way(http_event(path="/v1/mirror")) == "http"
    assert way({"Records": [RECORD]}) == "queue"
    assert way({"source": "shop", "detail-type": "x", "detail": ORDER}) == "bus"
    assert way(ORDER) == way({"urls": []}) == "direct"


@pytest.mark.parametrize(
    "event",
    [None, [], "text", 7, {}, {"detail": ORDER}, {"detail-type": "x", "detail": "text"}, {"a": 1}],
)
def test_anything_else_raises(event):
    with pytest.raises(UnknownEvent):
        way(event)


def test_a_message():
    (message,) = messages({"Records": [RECORD]})
    assert (message.id, message.body, message.receipt, message.received) == ("m-1", "{}", "r", 3)
    assert message.sent == 1_795_324_800_000


def test_a_message_that_is_the_rest_of_another_counts_on():
    own = {
        "retouch-tries": {"stringValue": "2", "dataType": "Number"},
        "retouch-sent": {"stringValue": "1795324700000", "dataType": "Number"},
    }
    (message,) = messages({"Records": [{**RECORD, "messageAttributes": own}]})
    assert (message.received, message.sent) == (5, 1_795_324_700_000)


@pytest.mark.parametrize("told", [None, {}, {"stringValue": "-1"}, {"binaryValue": "eA=="}])
@pytest.mark.parametrize("text", ["", "x", "1e9", "1.5", "٣", "9" * 5000])
def test_attributes_of_others_count_for_nothing(told, text):
    own = {"retouch-tries": told, "retouch-sent": {"stringValue": text}, "shop": {}}
    (message,) = messages({"Records": [{**RECORD, "messageAttributes": own}]})
    assert (message.received, message.sent) == (3, 1_795_324_800_000)


@pytest.mark.parametrize(
    "records",
    [
        [],
        {},
        None,
        [None],
        [{**RECORD, "messageId": ""}],
        [{**RECORD, "messageId": None}],
        [{k: v for k, v in RECORD.items() if k != "messageId"}],
        [{**RECORD, "body": None}],
        [{**RECORD, "eventSource": "aws:s3"}],
        [RECORD, {"s3": {}}],
    ],
)
def test_a_record_that_could_not_be_reported_by_its_name_raises(records):
    with pytest.raises(UnknownEvent):
        messages({"Records": records})


def test_wrappings_come_off():
    cloud = {"specversion": "1.0", "id": "1", "type": "t", "source": "s", "data": ORDER}
    assert unwrapped(ORDER) == ORDER
    assert unwrapped(cloud) == ORDER
    assert unwrapped({"detail-type": "t", "detail": ORDER}) == ORDER
    assert unwrapped({"detail-type": "t", "detail": cloud}) == ORDER
    assert unwrapped({"specversion": "1.0"}) is None
    assert unwrapped("text") == "text"
