"""The events of events/worker_*.json: one for each way in to the worker. `python -m tools.events` writes them.

They need no key and no account. The objects that they name exist in no bucket: with `make invoke`, the folder of the
inbox is empty, so the worker writes a failure and finishes the message. `unfinished` are the ids of the messages that
the worker does not finish.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Event = Mapping[str, Any]
BUCKET, KEY = "photos", "inbox/erase/my photo+1 (ü)%.png"
_FORM_KEY = "inbox/erase/my+photo%2B1+%28%C3%BC%29%25.png"  # as a notification record has it
_ETAG, _SIZE, _SEQUENCER = "d41d8cd98f00b204e9800998ecf8427e", 1024, "0055AED6DCD90281E5"
_BATCH = "batch_01ngvcy7s6ghhexcruvvufm6lg6fdfyg7e"
_ORDER = "edit_01ngvcy7s6ghhexcruvvufm6lg6fdfyg7e"


@dataclass(frozen=True)
class WorkerSample:
    """An event with the ids of the messages that stay in the queue, or with the code of its first result."""

    build_event: Callable[[], Event]
    unfinished: tuple[str, ...] = ()
    result_code: str = ""  # of S3 Batch Operations


def queue_event(body: Any, **attributes: str) -> Event:
    """Return the event of one message of the queue of edits, as Lambda delivers it."""
    record = {
        "messageId": "00000000-0000-4000-8000-000000000000",
        "receiptHandle": "receipt",
        "body": body if isinstance(body, str) else json.dumps(body),
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": "1795305600000",
            **attributes,
        },
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:retouch-EditsQueue",
        "awsRegion": "us-east-1",
    }
    return {"Records": [record]}


def notification(version: str = "2.1", name: str = "ObjectCreated:Put") -> Event:
    """Return a notification of S3, after the example in Amazon S3's user guide."""
    stored = {"key": _FORM_KEY, "size": _SIZE, "eTag": _ETAG, "sequencer": _SEQUENCER}
    record = {
        "eventVersion": version,
        "eventSource": "aws:s3",
        "awsRegion": "us-east-1",
        "eventTime": "2026-11-22T12:00:00.000Z",
        "eventName": name,
        "userIdentity": {"principalId": "AIDAJDPLRKLG7UEXAMPLE"},
        "requestParameters": {"sourceIPAddress": "172.16.0.1"},
        "responseElements": {"x-amz-request-id": "C3D13FE58DE4C810", "x-amz-id-2": "example"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "inbox",
            "bucket": {
                "name": BUCKET,
                "ownerIdentity": {"principalId": "A3NL1KOZZKExample"},
                "arn": f"arn:aws:s3:::{BUCKET}",
            },
            "object": stored,
        },
    }
    return {"Records": [record]}


def bus_event(source: str, detail_type: str, detail: Any) -> Event:
    """Return an event as EventBridge sends it to the queue."""
    return {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": detail_type,
        "source": source,
        "account": "123456789012",
        "time": "2026-11-22T12:00:00Z",
        "region": "us-east-1",
        "resources": [],
        "detail": detail,
    }


def object_created() -> Event:
    """Return the event of a new object, after the example in Amazon S3's user guide."""
    stored = {"key": KEY, "size": _SIZE, "etag": _ETAG, "sequencer": _SEQUENCER}
    detail = {
        "version": "0",
        "bucket": {"name": BUCKET},
        "object": stored,
        "request-id": "N4N7GDK58NMKJ12R",
        "requester": "123456789012",
        "reason": "PutObject",
    }
    return bus_event("aws.s3", "Object Created", detail)


def batch_operations(version: str) -> Event:
    """Return the event of one task of S3 Batch Operations, after the examples in Amazon S3's user guide."""
    task = {"taskId": "dGFza2lkZ29lc2hlcmUK", "s3Key": _FORM_KEY, "s3VersionId": None}
    place = {"s3Bucket": BUCKET} if version == "2.0" else {"s3BucketArn": f"arn:aws:s3:::{BUCKET}"}
    return {
        "invocationSchemaVersion": version,
        "invocationId": "YXNkbGZqYWRmaiBhc2RmdW9hZHNmZGpmaGFzbGtkaGZza2RmaAo",
        "job": {"id": "f3cc4f60-61f6-4a2b-8a21-d07600c373ce"},
        "tasks": [{**task, **place}],
    }


def worker_samples(edit: Callable[[], Event]) -> dict[str, WorkerSample]:
    """Return the samples by name. `edit` builds an edit as a direct invoke has it."""

    def message(build: Callable[[], Any]) -> WorkerSample:
        return WorkerSample(lambda: queue_event(build()))

    def sns() -> Event:
        text = json.dumps(notification())
        return {"Type": "Notification", "TopicArn": "arn:aws:sns:us-east-1:1:s3", "Message": text}

    def cloud_event() -> Event:
        head = {"specversion": "1.0", "id": "4711", "source": "urn:shop"}
        return {**head, "type": "retouch.edit.requested", "data": edit()}

    requested = "retouch.edit.requested"
    test_event = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": BUCKET}
    return {
        "worker_sqs": message(lambda: {"order": _ORDER}),
        "worker_sqs_batch": WorkerSample(
            lambda: queue_event({"batch": _BATCH, "scope": "none", "wake": 0})
        ),
        "worker_edit_sqs": message(edit),
        "worker_edit_sqs_refused_model": message(lambda: {**edit(), "model": "nobody/nothing"}),
        "worker_edit_sqs_task_token": message(lambda: {**edit(), "task_token": "AAAAKgAAAAIA"}),
        "worker_edit_eventbridge": message(lambda: bus_event("shop", requested, edit())),
        "worker_edit_eventbridge_cloudevent": message(
            lambda: bus_event("shop", requested, cloud_event())
        ),
        "worker_s3_notification": message(notification),
        "worker_s3_notification_2_6": message(lambda: notification("2.6")),
        "worker_s3_notification_sns": message(sns),
        "worker_s3_eventbridge": message(object_created),
        "worker_s3_deleted_object": message(lambda: notification(name="ObjectRemoved:Delete")),
        "worker_s3_test_event": message(lambda: test_event),
        "worker_unknown_shape": message(lambda: {"hello": "worker"}),
        "worker_two_kinds": message(lambda: {**notification(), **object_created()}),
        "worker_s3_batch_operations_1_0": WorkerSample(
            lambda: batch_operations("1.0"), result_code="PermanentFailure"
        ),
        "worker_s3_batch_operations_2_0": WorkerSample(
            lambda: batch_operations("2.0"), result_code="PermanentFailure"
        ),
    }
