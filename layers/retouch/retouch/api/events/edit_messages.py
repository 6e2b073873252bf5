"""The messages of the queue of edits that are no jobs: new objects of S3, events of EventBridge, and edits.

S3 sends a notification record, also through SNS, or an event through EventBridge. Both say the same in other words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any, Literal

import orjson

from retouch.api.events.direct_invoke import EDIT_FIELDS, KEY_FIELD
from retouch.api.events.unknown import UnknownEvent
from retouch.core.errors import InvalidRequest
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.inbox.object_names import decode_record_key
from retouch.inbox.recipe import InvalidRecipe, parse_metadata
from retouch.inbox.store import ObjectCreated
from retouch.mirror.messages import QueueMessage
from retouch.orders.idempotency_key import parse_idempotency_key

REQUESTED_TYPE = "retouch.edit.requested"
_OBJECT_TYPE, _CREATED = "Object Created", "ObjectCreated:"
# Fields of a message that are not fields of the edit.
_ENVELOPE_FIELDS = (KEY_FIELD, "reply_to", "task_token", "metadata", "webhook", "deadline")
_KEY_ID_ATTRIBUTE = "api_key_id"
# A message that was moved out of a dead-letter queue has a new id. The gateway notes the first one.
FIRST_ID_ATTRIBUTE = "retouch-message-id"
_MAX_DEADLINE_SECONDS = 43_200


@frozen_dataclass
class QueuedEvent:
    """A message of the queue of edits, as it was received."""

    id: str
    body: Mapping[str, Any] = field(repr=False)
    text: str = field(default="", repr=False)  # the body as it was sent
    sent_at: int = 0  # Unix seconds
    receive_count: int = 1
    attributes: Mapping[str, str] = field(default_factory=dict)  # of SQS
    message_attributes: Mapping[str, str] = field(default_factory=dict)  # of the sender

    @property
    def first_id(self) -> str:
        """The id of the message before it was in a dead-letter queue."""
        return self.message_attributes.get(FIRST_ID_ATTRIBUTE) or self.id


@frozen_dataclass
class EditRequested:
    """An edit in a message or an event."""

    values: Mapping[str, Any] = field(repr=False)  # the edit in the JSON form of the API
    key: str  # the idempotency key, or what the source repeats unchanged
    source: Literal["sqs", "eventbridge"]
    reply_to: str = ""
    task_token: str = field(default="", repr=False)
    metadata: Mapping[str, str] = field(default_factory=dict)
    webhook: str = ""
    deadline: int | None = None  # seconds for which the edit may wait
    key_id: str = ""  # the id of the gateway key whose budget and limits apply


Event = ObjectCreated | EditRequested


def read_events(event: QueuedEvent) -> Sequence[Event]:
    """Return what a message tells. Nothing: a test of S3, or an event of another kind of S3.

    Raises UnknownEvent for a message of another form, and InvalidRequest for an edit with an invalid envelope.
    """
    body = _unwrap_sns(event.body)
    kinds = [kind for kind in _READERS if kind in body]
    if len(kinds) > 1:
        raise UnknownEvent(
            f"The message has {' and '.join(map(repr, kinds))}, so its kind is not clear."
        )
    if kinds:
        return _READERS[kinds[0]](body, event)
    if body.keys() & EDIT_FIELDS:
        return [_read_edit(body, _message_key(event), "sqs", event)]
    raise UnknownEvent(
        "The message is none of these: a notification of S3, an event of EventBridge, a CloudEvent, an edit with "
        "'prompt' and 'images'."
    )


def _unwrap_sns(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the message in a notification of SNS, or the body."""
    if body.get("Type") != "Notification" or not isinstance(body.get("Message"), str):
        return body
    try:
        message = orjson.loads(body["Message"])
    except ValueError:
        raise UnknownEvent("The message of the SNS notification is not JSON.") from None
    if not isinstance(message, dict):
        raise UnknownEvent("The message of the SNS notification is not a JSON object.")
    return message


def _read_records(body: Mapping[str, Any], _: QueuedEvent) -> Sequence[Event]:
    records = body["Records"]
    if not isinstance(records, list) or not all(isinstance(one, dict) for one in records):
        raise UnknownEvent("'Records' is not a list of notification records.")
    created = [_read_record(record) for record in records]
    return [one for one in created if one]


def _read_record(record: Mapping[str, Any]) -> ObjectCreated | None:
    if record.get("eventSource") != "aws:s3":
        raise UnknownEvent("A record of the message is not from S3.")
    if not str(record.get("eventName") or "").startswith(_CREATED):
        return None
    try:
        bucket, stored = record["s3"]["bucket"]["name"], record["s3"]["object"]
        return ObjectCreated(
            _name(bucket),
            decode_record_key(_name(stored["key"])),
            _etag(stored.get("eTag") or stored.get("etag")),
            _size(stored.get("size")),
            str(stored.get("sequencer") or ""),
        )
    except (KeyError, TypeError, AttributeError):
        raise UnknownEvent("A record of the message names no object of S3.") from None


def _read_test(body: Mapping[str, Any], _: QueuedEvent) -> Sequence[Event]:
    if body["Event"] == "s3:TestEvent":
        return []
    raise UnknownEvent("'Event' is not 's3:TestEvent'.")


def _read_bus_event(body: Mapping[str, Any], event: QueuedEvent) -> Sequence[Event]:
    detail, kind = body.get("detail"), body["detail-type"]
    if not isinstance(detail, dict):
        raise UnknownEvent("The event has no 'detail'.")
    if body.get("source") == "aws.s3":
        return [_read_object_event(detail)] if kind == _OBJECT_TYPE else []
    if kind != REQUESTED_TYPE:
        raise UnknownEvent(f"The detail-type of the event is not '{REQUESTED_TYPE}'.")
    if "specversion" in detail:
        return _read_cloud_event(detail, event)
    key = body.get("id")
    if not isinstance(key, str) or not key:
        raise UnknownEvent("The event has no 'id'.")
    return [_read_edit(detail, f"eb:{key}", "eventbridge", event)]


def _read_object_event(detail: Mapping[str, Any]) -> ObjectCreated:
    try:
        stored = detail["object"]
        return ObjectCreated(
            _name(detail["bucket"]["name"]),
            _name(stored["key"]),
            _etag(stored.get("etag") or stored.get("eTag")),
            _size(stored.get("size")),
            str(stored.get("sequencer") or ""),
        )
    except (KeyError, TypeError, AttributeError):
        raise UnknownEvent("The event names no object of S3.") from None


def _read_cloud_event(body: Mapping[str, Any], event: QueuedEvent) -> Sequence[Event]:
    data, source, identifier = body.get("data"), body.get("source"), body.get("id")
    if not isinstance(data, dict):
        raise UnknownEvent("The CloudEvent has no 'data' with an edit.")
    if not (isinstance(source, str) and source and isinstance(identifier, str) and identifier):
        raise UnknownEvent("The CloudEvent has no 'source' or no 'id'.")
    return [_read_edit(data, f"ce:{len(source)}:{source}/{identifier}", "eventbridge", event)]


def _read_edit(
    body: Mapping[str, Any],
    default_key: str,
    source: Literal["sqs", "eventbridge"],
    event: QueuedEvent,
) -> EditRequested:
    """Return an edit and what is said about it. Raises InvalidRequest."""
    if not body.keys() & EDIT_FIELDS:
        raise UnknownEvent("The event has no edit: neither 'prompt' nor 'images'.")
    own_key = body.get(KEY_FIELD)
    return EditRequested(
        {name: value for name, value in body.items() if name not in _ENVELOPE_FIELDS},
        default_key if own_key is None else f"key:{parse_idempotency_key(own_key, KEY_FIELD)}",
        source,
        _text(body, "reply_to", 1024),
        _text(body, "task_token", 2048),
        _metadata(body),
        _text(body, "webhook", 2048),
        _deadline(body),
        event.message_attributes.get(_KEY_ID_ATTRIBUTE, ""),
    )


def _message_key(event: QueuedEvent) -> str:
    """Return what SQS repeats unchanged when it delivers a message again."""
    deduplication_id = event.attributes.get("MessageDeduplicationId")
    if deduplication_id:
        return f"fifo:{deduplication_id}"
    return f"sqs:{event.first_id}"


def _text(body: Mapping[str, Any], name: str, max_length: int) -> str:
    value = body.get(name)
    if value is None:
        return ""
    if isinstance(value, str) and 0 < len(value) <= max_length and value.isprintable():
        return value
    raise InvalidRequest(
        f"'{name}' must be a string of 1 to {max_length} printable characters.", param=name
    )


def _metadata(body: Mapping[str, Any]) -> Mapping[str, str]:
    if body.get("metadata") is None:
        return {}
    try:
        return parse_metadata("metadata", body["metadata"])
    except InvalidRecipe as error:
        raise InvalidRequest(str(error), param="metadata") from None


def _deadline(body: Mapping[str, Any]) -> int | None:
    value = body.get("deadline")
    if value is None:
        return None
    if isinstance(value, int) and 60 <= value <= _MAX_DEADLINE_SECONDS:
        return value
    raise InvalidRequest(
        f"'deadline' must be a whole number of seconds from 60 to {_MAX_DEADLINE_SECONDS}.",
        param="deadline",
    )


def _name(value: Any) -> str:
    """Return the name of a bucket or an object. Raises TypeError."""
    if isinstance(value, str) and value:
        return value
    raise TypeError("It is not a string.")


def _etag(value: Any) -> str:
    return str(value or "").strip('"')


def _size(value: Any) -> int | None:
    return value if isinstance(value, int) else None


# The field that says the kind of a message, and its reader.
_READERS = {
    "Records": _read_records,
    "Event": _read_test,
    "detail-type": _read_bus_event,
    "specversion": _read_cloud_event,
}


def object_message(event: ObjectCreated) -> dict[str, Any]:
    """Return the message of one object, in the form of EventBridge."""
    stored = {
        "key": event.key,
        "size": event.size,
        "etag": event.etag,
        "sequencer": event.sequencer,
    }
    detail = {"bucket": {"name": event.bucket}, "object": stored}
    return {"source": "aws.s3", "detail-type": _OBJECT_TYPE, "detail": detail}


def queued_event(
    message: QueueMessage, record: Mapping[str, Any], body: Mapping[str, Any]
) -> QueuedEvent:
    """Return a message of the queue with its attributes."""
    sent = record.get("messageAttributes") or {}
    return QueuedEvent(
        message.id,
        body,
        message.body,
        message.sent_at_ms // 1000,
        message.receive_count,
        record.get("attributes") or {},
        {
            name: str(attribute["stringValue"])
            for name, attribute in sent.items()
            if isinstance(attribute, Mapping) and "stringValue" in attribute
        },
    )
