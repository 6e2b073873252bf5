"""The event sources besides HTTP: SQS batches, EventBridge events and direct invocations."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from retouch.api.events import http as http_event
from retouch.api.events.unknown import UnknownEvent
from retouch.mirror.messages import SENT_ATTRIBUTE, TRIES_ATTRIBUTE, QueueMessage

EventSource = Literal["http", "queue", "bus", "direct"]
_NUMBER_PATTERN = re.compile(r"[0-9]{1,15}", re.ASCII)


def event_source(event: Any) -> EventSource:
    """Return the source of the event. Raises UnknownEvent."""
    if http_event.is_http_event(event):
        return "http"
    if isinstance(event, Mapping):
        if "Records" in event:
            return "queue"
        if isinstance(event.get("detail"), Mapping) and "detail-type" in event:
            return "bus"
        if event.keys() & {"url", "urls"}:
            return "direct"
    raise UnknownEvent(
        "The event is not an HTTP request, an SQS batch, an EventBridge event or a mirror request."
    )


def parse_messages(event: Mapping[str, Any]) -> list[QueueMessage]:
    """Return the batch's messages.

    Raises UnknownEvent for a record without an id, because a failure of it could not be reported.
    """
    records = event["Records"]
    if not isinstance(records, list) or not records:
        raise UnknownEvent("The SQS batch has no records.")
    return [_parse_message(record) for record in records]


def event_payload(payload: Any) -> Any:
    """Return the request in the payload: the payload itself, an EventBridge event's detail or a CloudEvent's data."""
    if isinstance(payload, Mapping) and "detail-type" in payload:
        payload = payload.get("detail")
    if isinstance(payload, Mapping) and "specversion" in payload:
        payload = payload.get("data")
    return payload


def _parse_message(record: Any) -> QueueMessage:
    if not isinstance(record, Mapping) or record.get("eventSource") != "aws:sqs":
        raise UnknownEvent("A record of the batch is not from SQS.")
    message_id, body = record.get("messageId"), record.get("body")
    if not (isinstance(message_id, str) and message_id and isinstance(body, str)):
        raise UnknownEvent("A record of the batch has no messageId or no body.")
    attributes, message_attributes = (
        record.get("attributes") or {},
        record.get("messageAttributes") or {},
    )
    receive_count = int(attributes.get("ApproximateReceiveCount") or 1) + _number_attribute(
        message_attributes, TRIES_ATTRIBUTE
    )
    sent_at_ms = _number_attribute(message_attributes, SENT_ATTRIBUTE) or int(
        attributes.get("SentTimestamp") or 0
    )
    return QueueMessage(
        message_id, body, str(record.get("receiptHandle") or ""), receive_count, sent_at_ms
    )


def _number_attribute(attributes: Mapping[str, Any], name: str) -> int:
    """Return an integer message attribute, or 0 when it is absent or not a number. Any sender can set attributes."""
    text = str((attributes.get(name) or {}).get("stringValue"))
    return int(text) if _NUMBER_PATTERN.fullmatch(text) else 0
