"""Tests of CloudEvents on the bus: one event per URL, sent in batches, and a failure never fails the request."""

import json

import pytest

from tests.support.events import lambda_context
from tests.support.images import photo
from tests.support.mirror import build_mirror, object_key

PNG = photo(40, 30)


def delivered_events(aws):
    """Return the events that EventBridge delivered to its target queue."""
    return [json.loads(body) for body, _ in aws.take_messages(aws.events_queue)]


def test_bus_receives_one_event_per_distinct_url(aws, web):
    urls = []
    for number in range(12):
        web.files[f"/{number}.png"] = photo(40, 30 + number)
        urls.append(f"{web.url}/{number}.png?signature=secret")
    mirror = build_mirror(aws, web)
    mirror.handler({"urls": [*urls, *urls, "https://10.0.0.1/"]}, lambda_context())
    events = delivered_events(aws)
    assert len(events) == 13
    kinds = [event["detail-type"] for event in events]
    assert (kinds.count("retouch.mirror.stored"), kinds.count("retouch.mirror.failed")) == (12, 1)
    for event in events:
        assert (event["source"], event["detail"]["type"]) == ("retouch", event["detail-type"])
        assert "secret" not in json.dumps(event)
    subjects = {event["detail"].get("subject") for event in events}
    assert subjects == {None, *(object_key(data) for data in web.files.values())}


def test_repeated_request_publishes_event_with_the_same_id(aws, web):
    web.files["/a.png"] = PNG
    mirror = build_mirror(aws, web)
    for _ in range(2):
        mirror.handler({"url": web.url + "/a.png"}, lambda_context())
    first, second = (event["detail"] for event in delivered_events(aws))
    assert first["id"] == second["id"]
    assert (first["data"]["status"], second["data"]["status"]) == ("stored", "exists")


def test_mirror_without_bus_publishes_nothing(aws, web):
    web.files["/a.png"] = PNG
    build_mirror(aws, web, RETOUCH_EVENTS_BUS="").handler(
        {"url": web.url + "/a.png"}, lambda_context()
    )
    assert delivered_events(aws) == []


@pytest.mark.parametrize("bus", ["no-such-bus", "arn:aws:events:nowhere"])
def test_unreachable_bus_does_not_fail_mirror_request(capsys, aws, web, bus):
    web.files["/a.png"] = PNG
    mirror = build_mirror(aws, web, RETOUCH_EVENTS_BUS=bus)
    response = mirror.handler({"url": web.url + "/a.png"}, lambda_context())
    assert response["data"][0]["status"] == "stored"
    assert delivered_events(aws) == []
