"""Tests of S3 Batch Operations at the worker, in both schemas of AWS."""

from urllib.parse import quote_plus

import pytest

from retouch.api.events.unknown import UnknownEvent
from tests.support.event_gateway import PHOTO, PHOTO_KEY, EventGateway
from tests.support.events import lambda_context
from tests.support.inbox import BUCKET
from tests.support.upstream import Upstream

KEY = "inbox/white/my photo+1 (ü)%.png"


@pytest.fixture
def gateway():
    with Upstream() as upstream:
        yield EventGateway(upstream)


def event_1(key):
    """Return an event after the example of the schema 1.0 in Amazon S3's user guide."""
    return {
        "invocationSchemaVersion": "1.0",
        "invocationId": "YXNkbGZqYWRmaiBhc2RmdW9hZHNmZGpmaGFzbGtkaGZza2RmaAo",
        "job": {"id": "f3cc4f60-61f6-4a2b-8a21-d07600c373ce"},
        "tasks": [
            {
                "taskId": "dGFza2lkZ29lc2hlcmUK",
                "s3Key": quote_plus(key, safe="/"),
                "s3VersionId": "1",
                "s3BucketArn": f"arn:aws:s3:us-east-1:0123456788:{BUCKET}",
            }
        ],
    }


def event_2(key):
    """Return an event after the example of the schema 2.0, which names the bucket and has arguments."""
    event = event_1(key)
    (task,) = event["tasks"]
    del task["s3BucketArn"]
    return {
        **event,
        "invocationSchemaVersion": "2.0",
        "job": {**event["job"], "userArguments": {"k": "v"}},
        "tasks": [{**task, "s3Bucket": BUCKET, "s3VersionId": None}],
    }


@pytest.mark.parametrize("event_of", [event_1, event_2])
def test_task_starts_the_edit_of_its_object_once(gateway, event_of):
    gateway.inbox.upload(KEY, PHOTO)
    for _ in range(2):
        event = event_of(KEY)
        response = gateway.handler(event, lambda_context())
        assert response == {
            "invocationSchemaVersion": event["invocationSchemaVersion"],
            "treatMissingKeysAs": "PermanentFailure",
            "invocationId": event["invocationId"],
            "results": [
                {
                    "taskId": "dGFza2lkZ29lc2hlcmUK",
                    "resultCode": "Succeeded",
                    "resultString": "The edit is a job.",
                }
            ],
        }
    gateway.work_all()
    assert gateway.calls == 1
    assert KEY.replace("inbox/", "outbox/") in gateway.inbox.objects


def test_object_that_was_uploaded_before_is_not_bought_again(gateway):
    gateway.upload()
    gateway.work_all()
    gateway.handler(event_1(PHOTO_KEY), lambda_context())
    gateway.work_until(60)
    assert gateway.calls == 1


@pytest.mark.parametrize(
    ("key", "data", "code"),
    [
        ("inbox/white/gone.png", None, "object_not_found"),
        ("results/a.png", PHOTO, "not_in_inbox"),
        ("inbox/gone/photo.png", PHOTO, "recipe_not_found"),
        (PHOTO_KEY, b"%PDF-1.7", "unsupported_image_format"),
    ],
)
def test_task_that_can_never_work_is_a_permanent_failure_with_its_code(gateway, key, data, code):
    if data is not None:
        gateway.inbox.upload(key, data)
    (result,) = gateway.handler(event_1(key), lambda_context())["results"]
    assert result["resultCode"] == "PermanentFailure"
    assert result["resultString"].startswith(f"{code}: ")
    assert gateway.calls == 0


@pytest.mark.parametrize("place", ["inbox", "orders"])
def test_task_is_a_temporary_failure_while_a_store_is_down(gateway, place):
    gateway.inbox.upload(PHOTO_KEY, PHOTO)
    getattr(gateway, place).is_down = True
    (result,) = gateway.handler(event_1(PHOTO_KEY), lambda_context())["results"]
    assert result["resultCode"] == "TemporaryFailure"


def test_event_of_another_schema_fails(gateway):
    with pytest.raises(UnknownEvent):
        gateway.handler({**event_1(PHOTO_KEY), "invocationSchemaVersion": "3.0"}, lambda_context())
