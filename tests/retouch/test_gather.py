"""Pictures that are only named: what the caller is told when they cannot be had, and whether to try again."""

import pytest

from tests.support.door import knock
from tests.support.events import json_event
from tests.support.house import build_house
from tests.support.mirror import Host
from tests.support.pictures import hole, photo


@pytest.fixture
def web():
    with Host() as host:
        host.files.update({"/a.png": photo(), "/m.png": hole(), "/text": b"<html>"})
        yield host


def order(web, image, mask="/m.png"):
    values = {
        "prompt": "p",
        "images": [{"image_url": web.url + image}],
        "mask": {"image_url": web.url + mask},
    }
    return knock(json_event(values), house=build_house({"RETOUCH_FETCH_ALLOW": web.url[7:]}))


def test_both_are_fetched(web):
    assert order(web, "/a.png").status == 200
    assert sorted(r.path for r in web.received) == ["/a.png", "/m.png"]


@pytest.mark.parametrize("status", [408, 425, 429, 500, 503])
@pytest.mark.parametrize("field", ["images[0]", "mask"])
def test_a_host_that_is_busy_may_be_asked_again(web, status, field):
    web.status("/busy.png", status)
    answer = order(web, "/busy.png") if field != "mask" else order(web, "/a.png", "/busy.png")
    error = answer.json["error"]
    assert (answer.status, error["code"], error["param"]) == (400, "fetch_failed", field)
    assert answer.headers["x-should-retry"] == "true"
    assert answer.headers["x-retouch-billed"] == "no"


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/gone.png", "fetch_expired"),
        ("/odd.png", "fetch_failed"),
        ("/text", "fetch_unsupported_media"),
        ("\\@127.0.0.1/a.png", "invalid_url"),
        (":1/a.png", "ssrf_blocked"),
    ],
)
def test_what_never_can_may_not(web, path, code):
    web.status("/odd.png", 418)
    answer = order(web, path)
    assert (answer.status, answer.json["error"]["code"]) == (400, code)
    assert answer.headers["x-should-retry"] == "false"
