"""The events of events/mirror_*.json: two for each event source. `python -m tools.events` writes them.

The events `mirror_<source>` name a public image. They need a network, and a bucket that stores the image. The events
`mirror_<source>_refused_url` and the others need neither: the URL policy refuses every URL in them, or the request is
invalid. `outcome` is the result without a dead-letter queue. EventBridge takes a return value for a success, so there a
request that cannot succeed fails the invocation: the names of these events end in `_raises`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Event = Mapping[str, Any]
BuildProxyEvent = Callable[[str, str, Mapping[str, str], str], Event]

METADATA_URL = "http://169.254.169.254/latest/meta-data/iam/security-credentials/"
RUNTIME_API_URL = "http://127.0.0.1:9001/2018-06-01/runtime/invocation/next"
# A photo in the repository of Pillow, which this project uses. It is a PNG of 128 x 128 pixels.
PICTURE_URL = "https://raw.githubusercontent.com/python-pillow/Pillow/main/Tests/images/hopper.png"
_JSON_HEADERS = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class MirrorSample:
    """An event with its expected outcome: (status, code of each URL or of the error), or the ids of failed messages.

    The outcome is None if it depends on the network.
    """

    build_event: Callable[[], Event]
    outcome: tuple[Any, ...] | None = None


def sqs_record(number: int, body: Any) -> dict[str, Any]:
    """Return one SQS record as Lambda delivers it."""
    return {
        "messageId": f"00000000-0000-4000-8000-00000000000{number}",
        "receiptHandle": "",
        "body": json.dumps(body),
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": "1795324800000",
            "SenderId": "AIDAEXAMPLE",
            "ApproximateFirstReceiveTimestamp": "1795324800001",
        },
        "messageAttributes": {},
        "md5OfBody": "00000000000000000000000000000000",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:retouch-MirrorQueue",
        "awsRegion": "us-east-1",
    }


def eventbridge_event(detail: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event as EventBridge delivers it."""
    return {
        "version": "0",
        "id": "00000000-0000-4000-8000-000000000000",
        "detail-type": "retouch.mirror.requested",
        "source": "shop",
        "account": "123456789012",
        "time": "2026-11-22T12:00:00Z",
        "region": "us-east-1",
        "resources": [],
        "detail": detail,
    }


def cloud_event(url: str) -> dict[str, Any]:
    """Return a CloudEvent that asks for the copy of one URL."""
    return {
        "specversion": "1.0",
        "id": "order-1",
        "source": "urn:shop",
        "type": "retouch.mirror.requested",
        "data": {"url": url},
    }


def mirror_samples(proxy_event: BuildProxyEvent) -> dict[str, MirrorSample]:
    """Return the samples by name. `proxy_event` builds a REST proxy event from method, path, headers and body."""

    def post_request(**fields: Any) -> Callable[[], Event]:
        return lambda: proxy_event("POST", "/v1/mirror", _JSON_HEADERS, json.dumps(fields))

    return {**_copied_samples(post_request), **_refused_samples(post_request)}


def _copied_samples(post_request: Callable[..., Callable[[], Event]]) -> dict[str, MirrorSample]:
    """Return the samples of requests that are carried out, one for each kind of event."""
    return {
        "mirror_http": MirrorSample(
            post_request(urls=[PICTURE_URL], prefix="mirror/shop", metadata={"order": "4711"})
        ),
        "mirror_direct_invoke": MirrorSample(lambda: {"url": PICTURE_URL, "expires_in": 60}),
        "mirror_sqs": MirrorSample(lambda: {"Records": [sqs_record(1, {"url": PICTURE_URL})]}),
        "mirror_eventbridge": MirrorSample(lambda: eventbridge_event({"url": PICTURE_URL})),
        "mirror_eventbridge_cloudevent": MirrorSample(
            lambda: eventbridge_event(cloud_event(PICTURE_URL))
        ),
    }


def _refused_samples(post_request: Callable[..., Callable[[], Event]]) -> dict[str, MirrorSample]:
    """Return the samples of requests that are refused, with the outcome of each."""
    blocked = (200, "ssrf_blocked")
    message_ids = [f"00000000-0000-4000-8000-00000000000{number}" for number in (1, 2)]
    return {
        "mirror_http_refused_url": MirrorSample(
            post_request(
                urls=[METADATA_URL, RUNTIME_API_URL],
                prefix="mirror/shop",
                metadata={"order": "4711"},
            ),
            (*blocked, "ssrf_blocked"),
        ),
        "mirror_http_unknown_parameter": MirrorSample(
            post_request(url=METADATA_URL, size="large"), (400, "unknown_parameter")
        ),
        "mirror_direct_invoke_refused_url": MirrorSample(
            lambda: {"url": METADATA_URL, "expires_in": 60}, blocked
        ),
        "mirror_sqs_refused_url_and_invalid_message": MirrorSample(
            lambda: {
                "Records": [
                    sqs_record(1, {"url": METADATA_URL}),
                    sqs_record(2, {"link": METADATA_URL}),
                ]
            },
            tuple(message_ids),
        ),
        "mirror_eventbridge_refused_url_raises": MirrorSample(
            lambda: eventbridge_event({"url": METADATA_URL}), ("failed", "EventNotProcessed")
        ),
        "mirror_eventbridge_cloudevent_refused_url_raises": MirrorSample(
            lambda: eventbridge_event(cloud_event(METADATA_URL)), ("failed", "EventNotProcessed")
        ),
        "mirror_unknown_shape_raises": MirrorSample(
            lambda: {"hello": "mirror"}, ("failed", "UnknownEvent")
        ),
    }
