"""Tests of images given by URL: the error when a URL cannot be fetched, and whether a retry makes sense."""

import pytest

from tests.support.events import json_event
from tests.support.gateway_client import send_event
from tests.support.images import box_mask, photo
from tests.support.mirror import ImageHost
from tests.support.services import build_services


@pytest.fixture
def image_host():
    with ImageHost() as host:
        host.files.update({"/a.png": photo(), "/m.png": box_mask(), "/text": b"<html>"})
        yield host


def send_edit(web, image, mask="/m.png"):
    values = {
        "prompt": "p",
        "images": [{"image_url": web.url + image}],
        "mask": {"image_url": web.url + mask},
    }
    return send_event(
        json_event(values), services=build_services({"RETOUCH_FETCH_ALLOW": web.url[7:]})
    )


def test_image_and_mask_urls_are_fetched(image_host):
    assert send_edit(image_host, "/a.png").status == 200
    assert sorted(r.path for r in image_host.received) == ["/a.png", "/m.png"]


@pytest.mark.parametrize("status", [408, 425, 429, 500, 503])
@pytest.mark.parametrize("field", ["images[0]", "mask"])
def test_busy_host_returns_retryable_fetch_failed(image_host, status, field):
    image_host.set_status("/busy.png", status)
    response = (
        send_edit(image_host, "/busy.png")
        if field != "mask"
        else send_edit(image_host, "/a.png", "/busy.png")
    )
    error = response.json["error"]
    assert (response.status, error["code"], error["param"]) == (400, "fetch_failed", field)
    assert response.headers["x-should-retry"] == "true"
    assert response.headers["x-retouch-billed"] == "no"


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
def test_permanent_fetch_error_is_not_retryable(image_host, path, code):
    image_host.set_status("/odd.png", 418)
    response = send_edit(image_host, path)
    assert (response.status, response.json["error"]["code"]) == (400, code)
    assert response.headers["x-should-retry"] == "false"
