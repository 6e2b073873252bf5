"""CloudEvents on the bus: one a URL, in batches, and never a reason to fail."""

import json

import pytest

from tests.support.events import context
from tests.support.mirror import build_mirror, name_of
from tests.support.pictures import photo

PNG = photo(40, 30)


def told(aws):
    """What arrived behind the bus, as EventBridge hands it on."""
    return [json.loads(body) for body, _ in aws.letters(aws.news)]


def test_the_bus_is_told_of_every_url_once(aws, web):
    urls = []
    for number in range(12):
        web.files[f"/{number}.png"] = photo(40, 30 + number)
        urls.append(f"{web.url}/{number}.png?signature=secret")
    mirror = build_mirror(aws, web)
    mirror.handler({"urls": [*urls, *urls, "https://10.0.0.1/"]}, context())
    found = told(aws)
    assert len(found) == 13
    kinds = [event["detail-type"] for event in found]
    assert (kinds.count("retouch.mirror.stored"), kinds.count("retouch.mirror.failed")) == (12, 1)
    for event in found:
        assert (event["source"], event["detail"]["type"]) == ("retouch", event["detail-type"])
        assert "secret" not in json.dumps(event)
    subjects = {event["detail"].get("subject") for event in found}
    assert subjects == {None, *(name_of(data) for data in web.files.values())}


def test_a_repeated_order_tells_the_same_again(aws, web):
    web.files["/a.png"] = PNG
    mirror = build_mirror(aws, web)
    for _ in range(2):
        mirror.handler({"url": web.url + "/a.png"}, context())
    first, second = (event["detail"] for event in told(aws))
    assert first["id"] == second["id"]
    assert (first["data"]["status"], second["data"]["status"]) == ("stored", "exists")


def test_without_a_bus_nothing_is_told(aws, web):
    web.files["/a.png"] = PNG
    build_mirror(aws, web, RETOUCH_EVENTS_BUS="").handler({"url": web.url + "/a.png"}, context())
    assert told(aws) == []


@pytest.mark.parametrize("bus", ["no-such-bus", "arn:aws:events:nowhere"])
def test_a_bus_that_does_not_answer_fails_nothing(capsys, aws, web, bus):
    web.files["/a.png"] = PNG
    mirror = build_mirror(aws, web, RETOUCH_EVENTS_BUS=bus)
    answer = mirror.handler({"url": web.url + "/a.png"}, context())
    assert answer["data"][0]["status"] == "stored"
    assert told(aws) == []
