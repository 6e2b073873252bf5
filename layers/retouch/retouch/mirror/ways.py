"""The ways in besides HTTP: SQS batches, EventBridge events and the order itself as the event."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from retouch.wire import event as wire_event

Way = Literal["http", "queue", "bus", "direct"]
# Attributes of a message that the mirror sends itself: what is left of an order.
TRIES, SENT = "retouch-tries", "retouch-sent"
_NUMBER = re.compile(r"[0-9]{1,15}", re.ASCII)


class UnknownEvent(ValueError):
    """An event nobody here understands. It fails the invocation: a return value would mean that all is well."""


@dataclass(frozen=True, slots=True)
class Message:
    """One SQS record. `receipt` is its handle.

    `received` says how often its URLs were handed out, this time included, and `sent` when they first came into the
    queue, in unix milliseconds; both also count what went before where it is the rest of an earlier message.
    """

    id: str
    body: str
    receipt: str
    received: int
    sent: int


def way(event: Any) -> Way:
    """How the event came in. Raises UnknownEvent."""
    if wire_event.is_http(event):
        return "http"
    if isinstance(event, Mapping):
        if "Records" in event:
            return "queue"
        if isinstance(event.get("detail"), Mapping) and "detail-type" in event:
            return "bus"
        if event.keys() & {"url", "urls"}:
            return "direct"
    raise UnknownEvent(
        "The event is no HTTP request, SQS batch, EventBridge event or mirror order."
    )


def messages(event: Mapping[str, Any]) -> list[Message]:
    """The batch's messages. Raises UnknownEvent for one without a name: it could not be reported by it."""
    records = event["Records"]
    if not isinstance(records, list) or not records:
        raise UnknownEvent("The SQS batch has no records.")
    return [_message(record) for record in records]


def unwrapped(told: Any) -> Any:
    """The order in what was told: itself, an EventBridge event's detail, or a CloudEvent's data."""
    if isinstance(told, Mapping) and "detail-type" in told:
        told = told.get("detail")
    if isinstance(told, Mapping) and "specversion" in told:
        told = told.get("data")
    return told


def _message(record: Any) -> Message:
    if not isinstance(record, Mapping) or record.get("eventSource") != "aws:sqs":
        raise UnknownEvent("A record of the batch is not from SQS.")
    name, body = record.get("messageId"), record.get("body")
    if not (isinstance(name, str) and name and isinstance(body, str)):
        raise UnknownEvent("A record of the batch has no messageId or no body.")
    queues, own = record.get("attributes") or {}, record.get("messageAttributes") or {}
    received = int(queues.get("ApproximateReceiveCount") or 1) + _told(own, TRIES)
    sent = _told(own, SENT) or int(queues.get("SentTimestamp") or 0)
    return Message(name, body, str(record.get("receiptHandle") or ""), received, sent)


def _told(attributes: Mapping[str, Any], name: str) -> int:
    """A whole number among a message's attributes; 0 where there is none, for anybody may set them."""
    text = str((attributes.get(name) or {}).get("stringValue"))
    return int(text) if _NUMBER.fullmatch(text) else 0
