"""Two ways to the web, one behaviour: what the policy says holds here and through the mirror."""

from dataclasses import replace

import pytest

from retouch.clock import SystemClock
from retouch.edges.aws.session import Aws
from retouch.edges.fetch.web import Web
from retouch.guard.refusals import FetchError
from tests.retouch.edges.fetch.test_queue import working
from tests.support.door import edit, knock, png
from tests.support.events import json_event
from tests.support.house import TestClock, build_house
from tests.support.mirror import BUCKET, build_mirror, name_of
from tests.support.pictures import b64, hole, photo
from tests.support.upstream import Answer, Upstream, as_json

PNG = photo(40, 30)


@pytest.fixture
def mirror(aws, web):
    web.files.update({"/a.png": PNG, "/m.png": hole(40, 30)})
    mirror = build_mirror(aws, web)
    mirror.desk.store.client.list_buckets()
    return mirror


@pytest.fixture(params=["", "queue"], ids=["direct", "queue"])
def settings(request, mirror, aws):
    """Of a function that fetches itself, and of one that has the mirror fetch."""
    with working(mirror, aws):
        yield replace(mirror.settings, mirror=request.param)


def way(settings, **changed):
    clock = SystemClock()
    return Web(replace(settings, **changed), clock, Aws(), lambda line: None), clock.now() + 30


def test_the_same_bytes(settings, web):
    ways, deadline = way(settings)
    assert ways.picture(web.url + "/a.png", deadline) == PNG
    assert ways.result(web.url + "/a.png", deadline, ()) == PNG


def test_the_caps(settings, web):
    ways, deadline = way(settings, upload_bytes=100)
    with pytest.raises(FetchError) as caught:
        ways.picture(web.url + "/a.png", deadline)
    assert caught.value.reason == "too_large"
    ways, deadline = way(settings, reply_bytes=100)
    assert ways.picture(web.url + "/a.png", deadline) == PNG
    with pytest.raises(FetchError) as caught:
        ways.result(web.url + "/a.png", deadline, ())
    assert caught.value.reason == "too_large"


def test_a_result_comes_from_its_hosts_only(settings, web):
    ways, deadline = way(settings)
    with pytest.raises(FetchError) as caught:
        ways.result("https://other.example/a.png", deadline, ("only.example",))
    assert caught.value.reason == "host_not_allowed"
    assert web.received == []


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        *((f"https://a.example/?{'a' * length}", "url_too_long") for length in (5_000, 1_200_000)),
        ("https://a.example\\@b.example/", "invalid_url"),
        ("https://a@b.example/", "userinfo_not_allowed"),
        ("http://a.example/", "scheme_not_allowed"),
        ("https://localhost/", "host_not_allowed"),
    ],
    ids=lambda value: value[:30],
)
def test_what_the_grammar_or_the_policy_refuses(settings, url, reason):
    ways, deadline = way(settings)
    with pytest.raises(FetchError) as caught:
        ways.picture(url, deadline)
    assert caught.value.reason == reason


def queue_env(aws):
    return {
        "RETOUCH_MIRROR": "queue",
        "RETOUCH_MIRROR_QUEUE": aws.queue,
        "RETOUCH_BUCKET": BUCKET,
    }


@pytest.mark.parametrize("length", [5_000, 70_000, 1_200_000])
def test_a_long_url_is_the_callers_mistake_and_no_message(mirror, aws, web, length):
    image = {"image_url": f"{web.url}/a.png?{'a' * length}"}
    order = {"prompt": "p", "images": [image], "mask": {"image_url": image["image_url"]}}
    answer = knock(json_event(order), house=build_house(queue_env(aws), SystemClock()))
    assert (answer.status, answer.json["error"]["code"]) == (400, "invalid_url")
    assert aws.batch()["Records"] == []


def test_nobody_at_the_queue_costs_no_more_than_a_slow_host(mirror):
    settings = replace(mirror.settings, mirror="queue")
    clock = TestClock()
    ways = Web(settings, clock, Aws(), lambda line: None)
    for read, seconds in (
        (lambda url, until: ways.picture(url, until), 20),
        (lambda url, until: ways.result(url, until, ()), 60),
    ):
        clock.slept.clear()
        with pytest.raises(FetchError) as caught:
            read("https://a.example/", clock.now() + 895)
        assert caught.value.reason == "timeout"
        assert seconds / 2 < sum(clock.slept) <= seconds + 10


def test_what_an_edit_read_is_put_where_nothing_is_kept(mirror, aws, web):
    ways, deadline = way(mirror.settings, mirror="queue")
    with working(mirror, aws):
        ways.picture(web.url + "/a.png", deadline)
    answer, picture = sorted(aws.objects())
    assert answer.startswith("mirror/answers/")
    assert picture == name_of(PNG, prefix="mirror/edits")


def test_a_paid_result_survives_a_mishap_of_its_host(mirror, aws, web):
    mishaps = [Answer(503), Answer(200, PNG, {"content-type": "image/png"})]
    web.scripts["/r.png"] = lambda handler: web.answer(handler, mishaps.pop(0))
    answer = as_json({"created": 1, "data": [{"url": f"{web.url}/r.png"}]})
    with working(mirror, aws), Upstream(answer) as provider:
        env = {"OPENAI_API_KEY": "sk-k", "OPENAI_BASE_URL": provider.url}
        allow = {"RETOUCH_FETCH_ALLOW": mirror.settings.fetch_allow}
        house = build_house({**queue_env(aws), **allow, **env}, SystemClock())
        fields = {"model": "gpt-image-2", "prompt": "p", "image": png(PNG)}
        got = edit(fields, house=house)
        assert len(provider.calls) == 1
    assert got.status == 200
    assert got.json["data"][0]["b64_json"] == b64(PNG)
    assert mishaps == []
