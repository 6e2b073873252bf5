"""The messages of event-driven edits: EventBridge, reply queues, Step Functions and the dead-letter queue of events."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import orjson

from retouch.core.settings import Settings
from retouch.inbox.ports import MessageNotSent
from retouch.infrastructure.aws.clients import AwsClients

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

_log = logging.getLogger("retouch")
_BUS_SOURCE = "retouch"
_FIFO_SUFFIX = ".fifo"
_MAX_ERROR_LENGTH, _MAX_REASON_LENGTH = 256, 1000
# Step Functions: the state has ended in another way, so nobody waits for the edit.
_ENDED_TASK_CODES = ("TaskTimedOut", "TaskDoesNotExist", "InvalidToken")
_FIRST_ID_ATTRIBUTE = "retouch-message-id"


class AwsEventMessages:
    """The clients of the services that get reports about edits."""

    def __init__(self, settings: Settings, aws: AwsClients) -> None:
        self._settings, self._aws = settings, aws
        self._queue_urls: dict[str, str] = {}

    def publish(self, event: Mapping[str, Any]) -> None:
        """Publish a CloudEvent on the bus. Without a bus, do nothing."""
        bus = self._settings.event_bus
        if not bus:
            return
        client: EventBridgeClient = self._aws.client("events")
        entry: Any = {
            "EventBusName": bus,
            "Source": _BUS_SOURCE,
            "DetailType": event["type"],
            "Detail": orjson.dumps(event).decode(),
        }
        response = _run(lambda: client.put_events(Entries=[entry]), "the event bus")
        if response["FailedEntryCount"]:  # with the status 200
            code = response["Entries"][0].get("ErrorCode", "")
            raise MessageNotSent(f"The event bus did not take an event: {code}.")

    def reply(self, queue_arn: str, document: Mapping[str, Any], identifier: str) -> None:
        """Send a document to a queue. A FIFO queue drops a second message with the identifier."""
        fifo: Any = (
            {"MessageDeduplicationId": identifier[:128], "MessageGroupId": "retouch"}
            if queue_arn.endswith(_FIFO_SUFFIX)
            else {}
        )
        attribute: Any = {"DataType": "String", "StringValue": identifier}
        region = queue_arn.split(":")[3]

        def send() -> None:
            client = self._aws.client("sqs", region=region)
            client.send_message(
                QueueUrl=self._queue_url(queue_arn, client),
                MessageBody=orjson.dumps(document).decode(),
                MessageAttributes={"order": attribute},
                **fifo,
            )

        _run(send, "the reply queue")

    def succeed_task(self, token: str, output: Mapping[str, Any]) -> None:
        """End the state that waits with this token. A state that does not wait any more is no error."""
        text = orjson.dumps(output).decode()
        self._end_task(lambda client: client.send_task_success(taskToken=token, output=text))

    def fail_task(self, token: str, error: str, cause: str) -> None:
        """End the state that waits with this token as failed. A state that does not wait any more is no error."""
        name = error[:_MAX_ERROR_LENGTH]
        self._end_task(
            lambda client: client.send_task_failure(taskToken=token, error=name, cause=cause)
        )

    def send_heartbeat(self, token: str) -> None:
        """Tell the state that waits with this token that the edit is still made."""
        self._end_task(lambda client: client.send_task_heartbeat(taskToken=token))

    def reject(self, body: str, code: str, reason: str, first_id: str) -> None:
        """Send a message that nobody can work on to the dead-letter queue of events."""
        url = self._settings.events_dlq_url
        if not url:
            _log.error("there is no dead-letter queue for an event", extra={"code": code})
            return
        texts = {
            "code": code,
            "reason": "".join(c if c.isprintable() else " " for c in reason)[:_MAX_REASON_LENGTH],
            _FIRST_ID_ATTRIBUTE: first_id,
        }
        attributes: Any = {
            name: {"DataType": "String", "StringValue": text} for name, text in texts.items()
        }
        _run(
            lambda: self._aws.client("sqs").send_message(
                QueueUrl=url, MessageBody=body, MessageAttributes=attributes
            ),
            "the dead-letter queue",
        )

    def _queue_url(self, arn: str, client: Any) -> str:
        if arn not in self._queue_urls:
            account, name = arn.split(":")[4:6]
            response = client.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)
            self._queue_urls[arn] = response["QueueUrl"]
        return self._queue_urls[arn]

    def _end_task(self, call: Callable[[Any], object]) -> None:
        from botocore.exceptions import ClientError

        client = self._aws.client("stepfunctions")
        try:
            call(client)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code not in _ENDED_TASK_CODES:
                raise MessageNotSent(f"Step Functions answered {code}.") from error
            _log.info("a state does not wait for its edit any more", extra={"code": code})
        except Exception as error:  # boto3 raises many errors
            raise MessageNotSent("Step Functions cannot be reached.") from error


def _run(call: Callable[[], Any], receiver: str) -> Any:
    """Return what the call returns. Raises MessageNotSent."""
    try:
        return call()
    except Exception as error:  # boto3 raises many errors
        raise MessageNotSent(f"A message was not taken by {receiver}.") from error
