"""Tests of the mirror in the development server: the runtime loop, all event sources, and killed workers."""

import json
import os
import signal
import threading
import time
import urllib.error
import urllib.request

import jsonschema
import psutil
import pytest

from devserver.error_responses import RequestFailed
from devserver.server import DevServer
from devserver.settings import LAYER_FOLDER
from tests.support.images import photo
from tests.support.mirror import ImageHost, object_key
from tools.mirror_events import eventbridge_event, sqs_record

PNG, JPEG = photo(200, 100), photo(200, 100, "JPEG")


@pytest.fixture(scope="module")
def image_host():
    with ImageHost() as host:
        host.files.update({"/a.png": PNG, "/b.jpg": JPEG})
        host.set_status("/busy.png", 503)
        yield host


@pytest.fixture(scope="module")
def gateway(image_host):
    env = {
        "RETOUCH_AUTH_MODE": "open",
        "RETOUCH_FETCH_ALLOW": image_host.url.removeprefix("http://"),
        "RETOUCH_CORS_ORIGINS": "*",
    }
    with DevServer(env=env, workers=2, s3=True) as running:
        yield running


def send_mirror_request(gateway, payload, method="POST", **headers):
    """Send a request to the mirror and return (status, headers, document)."""
    body = json.dumps(payload).encode() if payload is not None else None
    request = urllib.request.Request(gateway.url + "/v1/mirror", body, method=method)
    for name, value in {"Content-Type": "application/json", **headers}.items():
        request.add_header(name, value)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, response.headers, json.loads(response.read() or b"null")
    except urllib.error.HTTPError as error:
        return error.code, error.headers, json.loads(error.read() or b"null")


def matches_contract(response):
    """Return whether the response matches the published OpenAPI document."""
    document = json.loads((LAYER_FOLDER / "retouch" / "api" / "openapi.json").read_bytes())
    mirror = {"$ref": "#/components/schemas/Mirror", "components": document["components"]}
    return jsonschema.Draft202012Validator(mirror).is_valid(response)


def test_mirror_over_http_stores_images_and_returns_working_links(gateway, image_host):
    urls = [image_host.url + "/a.png", "https://10.0.0.1/x", image_host.url + "/b.jpg"]
    status, headers, response = send_mirror_request(
        gateway, {"urls": urls, "prefix": "mirror/http"}
    )
    assert matches_contract(response)
    assert not matches_contract({**response, "data": [{**response["data"][0], "width": "200"}]})
    assert (status, headers["x-retouch-billed"]) == (200, "no")
    assert [item["status"] for item in response["data"]] == ["stored", "refused", "stored"]
    assert response["data"][0]["key"] == object_key(PNG, prefix="mirror/http")
    with urllib.request.urlopen(response["data"][2]["url"], timeout=30) as link:
        assert (link.read(), link.headers["content-type"]) == (JPEG, "image/jpeg")


def test_mirror_over_http_rejects_bad_requests_and_responds_to_preflight(gateway):
    status, _, response = send_mirror_request(gateway, {"url": "https://a.example", "n": 1})
    assert (status, response["error"]["param"]) == (400, "n")
    assert send_mirror_request(gateway, None, "GET")[0] == 405
    preflight_headers = {"Origin": "https://x.example", "Access-Control-Request-Method": "POST"}
    status, headers, _ = send_mirror_request(gateway, None, "OPTIONS", **preflight_headers)
    assert (status, headers["Access-Control-Allow-Origin"]) == (204, "*")


def test_mirror_direct_invoke_stores_the_image(gateway, image_host):
    payload = {"url": image_host.url + "/a.png", "prefix": "mirror/direct"}
    response = gateway.invoke("mirror", payload)
    assert response["data"][0]["key"] == object_key(PNG, prefix="mirror/direct")
    assert response["retouch"]["status"] == 200


def test_mirror_sqs_batch_reports_only_the_failed_message(gateway, image_host):
    paths = enumerate(("/a.png", "/busy.png", "/b.jpg"))
    common_fields = {"prefix": "mirror/sqs"}
    batch = [
        sqs_record(number, {"url": image_host.url + path, **common_fields})
        for number, path in paths
    ]
    response = gateway.invoke("mirror", {"Records": batch})
    assert response == {"batchItemFailures": [{"itemIdentifier": batch[1]["messageId"]}]}
    repeated = gateway.invoke("mirror", {"url": image_host.url + "/a.png", **common_fields})
    assert repeated["data"][0]["status"] == "exists"


def test_mirror_eventbridge_event_is_handled(gateway, image_host):
    detail = {"url": image_host.url + "/a.png", "prefix": "mirror/bus"}
    assert gateway.invoke("mirror", eventbridge_event(detail)) == {"handled": 1}


@pytest.mark.parametrize(
    "event",
    [
        {"hello": 1},
        {"Records": [{"messageId": ""}]},
        eventbridge_event({"url": "https://10.0.0.1"}),
    ],
)
def test_mirror_invocation_fails_for_events_it_cannot_process(gateway, event):
    with pytest.raises(RequestFailed):
        gateway.invoke("mirror", event)


def send_until_worker_ready(gateway, payload):
    """Repeat the request while it gets a 502 and return the response.

    When a worker is killed during its start, the server pauses for a moment before it starts another.
    """
    for _ in range(60):
        status, _, response = send_mirror_request(gateway, payload)
        if status != 502:
            break
        time.sleep(0.5)
    return response


def test_mirror_request_succeeds_after_its_worker_was_killed(gateway, image_host):
    requested, release = threading.Event(), threading.Event()

    def send_half(handler):
        handler.send_response(200)
        handler.send_header("content-length", str(len(PNG)))
        handler.end_headers()
        handler.wfile.write(PNG[:100])
        handler.wfile.flush()
        requested.set()
        release.wait(60)
        handler.close_connection = True

    image_host.scripts["/half.png"] = send_half
    payload = {
        "urls": [image_host.url + "/a.png", image_host.url + "/half.png"],
        "prefix": "mirror/kill",
    }
    results = []
    thread = threading.Thread(target=lambda: results.append(send_mirror_request(gateway, payload)))
    thread.start()
    assert requested.wait(60)
    for pid in gateway.pids:
        if os.path.samefile(psutil.Process(pid).cwd(), "functions/mirror"):
            os.kill(pid, signal.SIGKILL)
    thread.join()
    release.set()
    assert results[0][0] == 502
    del image_host.scripts["/half.png"]
    image_host.files["/half.png"] = photo(201, 100)
    response = send_until_worker_ready(gateway, payload)
    assert [item["error"] for item in response["data"]] == [None, None]
