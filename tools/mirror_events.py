"""The mirror's events/mirror_*.json, one for each way in. Written by `python -m tools.events`.

None of them needs a network: every URL in them is one the guard refuses, or the order is none. OUTCOME says what
becomes of it where there is no queue for dead letters, so that a hopeless order is handed back.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Event = Mapping[str, Any]
Http = Callable[[str, str, Mapping[str, str], str], Event]

METADATA = "http://169.254.169.254/latest/meta-data/iam/security-credentials/"
RUNTIME = "http://127.0.0.1:9001/2018-06-01/runtime/invocation/next"
_JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class MirrorSample:
    """An event and its outcome: (status, code of each URL or of the error), or the names of reported messages."""

    make: Callable[[], Event]
    outcome: tuple[Any, ...]


def record(number: int, order: Any) -> dict[str, Any]:
    """One SQS record as Lambda hands it over."""
    return {
        "messageId": f"00000000-0000-4000-8000-00000000000{number}",
        "receiptHandle": "",
        "body": json.dumps(order),
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


def bus_event(detail: Mapping[str, Any]) -> dict[str, Any]:
    """An event as EventBridge hands it over."""
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


def mirror_events(http: Http) -> dict[str, MirrorSample]:
    """Name -> sample. `http` makes a REST proxy event of method, path, headers and body."""

    def post(**order: Any) -> Callable[[], Event]:
        return lambda: http("POST", "/v1/mirror", _JSON, json.dumps(order))

    cloud = {
        "specversion": "1.0",
        "id": "order-1",
        "source": "urn:shop",
        "type": "retouch.mirror.requested",
        "data": {"url": METADATA},
    }
    blocked = (200, "ssrf_blocked")
    names = [f"00000000-0000-4000-8000-00000000000{number}" for number in (1, 2)]
    return {
        "mirror_http": MirrorSample(
            post(urls=[METADATA, RUNTIME], prefix="mirror/shop", metadata={"order": "4711"}),
            (*blocked, "ssrf_blocked"),
        ),
        "mirror_http_unknown_parameter": MirrorSample(
            post(url=METADATA, size="large"), (400, "unknown_parameter")
        ),
        "mirror_direct_invoke": MirrorSample(lambda: {"url": METADATA, "expires_in": 60}, blocked),
        "mirror_sqs": MirrorSample(
            lambda: {"Records": [record(1, {"url": METADATA}), record(2, {"link": METADATA})]},
            tuple(names),
        ),
        "mirror_eventbridge": MirrorSample(
            lambda: bus_event({"url": METADATA}), ("failed", "Undelivered")
        ),
        "mirror_eventbridge_cloudevent": MirrorSample(
            lambda: bus_event(cloud), ("failed", "Undelivered")
        ),
        "mirror_unknown_shape": MirrorSample(
            lambda: {"hello": "mirror"}, ("failed", "UnknownEvent")
        ),
    }
