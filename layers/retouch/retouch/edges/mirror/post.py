"""The mirror's letters: dead ones, second tries, and news for the event bus."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from retouch.edges.aws.session import Aws
from retouch.mirror.notices import SOURCE
from retouch.mirror.verdict import Letter, Sequel, pause
from retouch.mirror.ways import SENT, TRIES, Message
from retouch.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_sqs import SQSClient

_log = logging.getLogger("retouch")
_A_CALL = 10  # entries PutEvents takes at once
_LONGEST_REASON = 1_000  # characters


class Post:
    """SQS and EventBridge, as far as they are configured."""

    def __init__(self, settings: Settings, aws: Aws) -> None:
        self._settings, self._aws = settings, aws

    @property
    def keeps_letters(self) -> bool:
        """Whether there is a place for what can never be done."""
        return bool(self._settings.mirror_dead_letters)

    @property
    def takes_orders(self) -> bool:
        """Whether the queue of orders is known."""
        return bool(self._settings.mirror_queue)

    def bury(self, letter: Letter) -> None:
        """Put a dead letter aside, its code and reason beside it. Raises what SQS says."""
        reason = "".join(c if c.isprintable() else " " for c in letter.reason)[:_LONGEST_REASON]
        self._sqs.send_message(
            QueueUrl=self._settings.mirror_dead_letters,
            MessageBody=letter.body,
            MessageAttributes={
                "code": {"DataType": "String", "StringValue": letter.code},
                "reason": {"DataType": "String", "StringValue": reason},
            },
        )

    def send(self, sequel: Sequel, message: Message) -> None:
        """Put what is left of a message's order into the queue. Raises what SQS says."""
        told = {TRIES: sequel.tries, SENT: message.sent}
        self._sqs.send_message(
            QueueUrl=self._settings.mirror_queue,
            MessageBody=sequel.body,
            DelaySeconds=sequel.pause,
            MessageAttributes={
                name: {"DataType": "Number", "StringValue": str(number)}
                for name, number in told.items()
            },
        )

    def soon(self, message: Message) -> None:
        """Have a message handed out again sooner than the queue would; it does so anyway when this fails."""
        if not (self._settings.mirror_queue and message.receipt):
            return
        try:
            self._sqs.change_message_visibility(
                QueueUrl=self._settings.mirror_queue,
                ReceiptHandle=message.receipt,
                VisibilityTimeout=pause(message.received),
            )
        except Exception as error:
            _log.warning("a message could not be asked for sooner", exc_info=error)

    def announce(self, notices: Sequence[Mapping[str, Any]]) -> None:
        """Tell the bus. What it does not take is logged: the objects are there all the same."""
        if not self._settings.events_bus:
            return
        entries = [self._entry(notice) for notice in notices]
        for start in range(0, len(entries), _A_CALL):
            try:
                answer = self._events.put_events(Entries=entries[start : start + _A_CALL])
            except Exception as error:
                _log.warning("events were not published", exc_info=error)
                continue
            if answer["FailedEntryCount"]:
                codes = sorted({entry.get("ErrorCode", "") for entry in answer["Entries"]} - {""})
                _log.warning("events were not published", extra={"codes": codes})

    def _entry(self, notice: Mapping[str, Any]) -> Any:
        return {
            "EventBusName": self._settings.events_bus,
            "Source": SOURCE,
            "DetailType": notice["type"],
            "Detail": orjson.dumps(notice).decode(),
        }

    @property
    def _sqs(self) -> SQSClient:
        client: SQSClient = self._aws.client("sqs")
        return client

    @property
    def _events(self) -> EventBridgeClient:
        client: EventBridgeClient = self._aws.client("events")
        return client
