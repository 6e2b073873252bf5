"""The mirror as `make run` serves it: the real runtime loop, all ways in, and workers that die at it."""

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

from local.gateway import Gateway
from local.problems import Failed
from local.settings import LAYER
from tests.support.mirror import Host, name_of
from tests.support.pictures import photo
from tools.mirror_events import bus_event, record

PNG, JPEG = photo(200, 100), photo(200, 100, "JPEG")


@pytest.fixture(scope="module")
def pictures():
    with Host() as host:
        host.files.update({"/a.png": PNG, "/b.jpg": JPEG})
        host.status("/busy.png", 503)
        yield host


@pytest.fixture(scope="module")
def gateway(pictures):
    env = {
        "RETOUCH_AUTH_MODE": "open",
        "RETOUCH_FETCH_ALLOW": pictures.url.removeprefix("http://"),
        "RETOUCH_CORS_ORIGINS": "*",
    }
    with Gateway(env=env, workers=2, s3=True) as running:
        yield running


def ask(gateway, order, method="POST", **headers):
    """(status, headers, document)."""
    body = json.dumps(order).encode() if order is not None else None
    request = urllib.request.Request(gateway.url + "/v1/mirror", body, method=method)
    for name, value in {"Content-Type": "application/json", **headers}.items():
        request.add_header(name, value)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.headers, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as refused:
        return refused.code, refused.headers, json.loads(refused.read() or b"null")


def in_the_contract(answer):
    """Whether the published document allows it."""
    document = json.loads((LAYER / "retouch" / "openapi.json").read_bytes())
    mirror = {"$ref": "#/components/schemas/Mirror", "components": document["components"]}
    return jsonschema.Draft202012Validator(mirror).is_valid(answer)


def test_over_http_with_a_link_that_works(gateway, pictures):
    urls = [pictures.url + "/a.png", "https://10.0.0.1/x", pictures.url + "/b.jpg"]
    status, headers, answer = ask(gateway, {"urls": urls, "prefix": "mirror/http"})
    assert in_the_contract(answer)
    assert not in_the_contract({**answer, "data": [{**answer["data"][0], "width": "200"}]})
    assert (status, headers["x-retouch-billed"]) == (200, "no")
    assert [item["status"] for item in answer["data"]] == ["stored", "refused", "stored"]
    assert answer["data"][0]["key"] == name_of(PNG, prefix="mirror/http")
    with urllib.request.urlopen(answer["data"][2]["url"], timeout=30) as link:
        assert (link.read(), link.headers["content-type"]) == (JPEG, "image/jpeg")


def test_errors_and_preflight_over_http(gateway):
    status, _, answer = ask(gateway, {"url": "https://a.example", "n": 1})
    assert (status, answer["error"]["param"]) == (400, "n")
    assert ask(gateway, None, "GET")[0] == 405
    asked = {"Origin": "https://x.example", "Access-Control-Request-Method": "POST"}
    status, headers, _ = ask(gateway, None, "OPTIONS", **asked)
    assert (status, headers["Access-Control-Allow-Origin"]) == (204, "*")


def test_as_a_direct_invoke(gateway, pictures):
    order = {"url": pictures.url + "/a.png", "prefix": "mirror/direct"}
    answer = gateway.invoke("mirror", order)
    assert answer["data"][0]["key"] == name_of(PNG, prefix="mirror/direct")
    assert answer["retouch"]["status"] == 200


def test_as_an_sqs_batch(gateway, pictures):
    paths = enumerate(("/a.png", "/busy.png", "/b.jpg"))
    order = {"prefix": "mirror/sqs"}
    batch = [record(number, {"url": pictures.url + path, **order}) for number, path in paths]
    answer = gateway.invoke("mirror", {"Records": batch})
    assert answer == {"batchItemFailures": [{"itemIdentifier": batch[1]["messageId"]}]}
    again = gateway.invoke("mirror", {"url": pictures.url + "/a.png", **order})
    assert again["data"][0]["status"] == "exists"


def test_as_an_event(gateway, pictures):
    detail = {"url": pictures.url + "/a.png", "prefix": "mirror/bus"}
    assert gateway.invoke("mirror", bus_event(detail)) == {"handled": 1}


@pytest.mark.parametrize(
    "event",
    [{"hello": 1}, {"Records": [{"messageId": ""}]}, bus_event({"url": "https://10.0.0.1"})],
)
def test_what_is_not_done_fails_the_invocation(gateway, event):
    with pytest.raises(Failed):
        gateway.invoke("mirror", event)


def patiently(gateway, order):
    """The answer, once a worker is there again: one killed while it started makes the gateway pause for a moment."""
    for _ in range(60):
        status, _, answer = ask(gateway, order)
        if status != 502:
            break
        time.sleep(0.5)
    return answer


def test_a_worker_that_is_killed_at_it(gateway, pictures):
    asked, go = threading.Event(), threading.Event()

    def half(handler):
        handler.send_response(200)
        handler.send_header("content-length", str(len(PNG)))
        handler.end_headers()
        handler.wfile.write(PNG[:100])
        handler.wfile.flush()
        asked.set()
        go.wait(60)
        handler.close_connection = True

    pictures.scripts["/half.png"] = half
    order = {"urls": [pictures.url + "/a.png", pictures.url + "/half.png"], "prefix": "mirror/kill"}
    found = []
    thread = threading.Thread(target=lambda: found.append(ask(gateway, order)))
    thread.start()
    assert asked.wait(60)
    for pid in gateway.pids:
        if os.path.samefile(psutil.Process(pid).cwd(), "functions/mirror"):
            os.kill(pid, signal.SIGKILL)
    thread.join()
    go.set()
    assert found[0][0] == 502
    del pictures.scripts["/half.png"]
    pictures.files["/half.png"] = photo(201, 100)
    answer = patiently(gateway, order)
    assert [item["error"] for item in answer["data"]] == [None, None]
