"""Hosts that never end: drips, bombs and loops are over within limits, and nothing of them is stored."""

import gzip
import resource
import time
from functools import cache

import pytest

from tests.support.events import context
from tests.support.mirror import build_mirror
from tests.support.pictures import photo

PNG = photo(64, 64)
GIB = 1024**3


def head(handler, **headers):
    handler.send_response(200)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), str(value))
    handler.end_headers()


def drip(handler):
    """5 GB, a byte at a time."""
    head(handler, content_length=5 * GIB)
    handler.wfile.write(PNG)
    while True:
        handler.wfile.write(b"\0")
        time.sleep(0.02)


def flood(handler):
    """5 GB as fast as they go, without a length."""
    head(handler)
    handler.close_connection = True
    handler.wfile.write(PNG)
    while True:
        handler.wfile.write(bytes(65_536))


def promised(handler):
    head(handler, content_length=5 * GIB)
    handler.wfile.write(PNG)


@cache
def inflated():
    return gzip.compress(PNG + bytes(100_000_000), 1)


def bomb(handler):
    """A picture that inflates to 100 MB."""
    body = inflated()
    head(handler, content_encoding="gzip", content_length=len(body))
    handler.wfile.write(body)


def loop(handler):
    handler.send_response(302)
    handler.send_header("location", "/loop")
    handler.send_header("content-length", "0")
    handler.end_headers()


def silent(handler):
    time.sleep(8)


@pytest.mark.parametrize(
    ("script", "status", "code"),
    [
        (drip, "failed", "fetch_failed"),
        (flood, "refused", "fetch_too_large"),
        (promised, "refused", "fetch_too_large"),
        (bomb, "refused", "fetch_unsupported_media"),
        (loop, "refused", "ssrf_blocked"),
        (silent, "failed", "fetch_failed"),
    ],
)
def test_it_ends(aws, web, script, status, code):
    most = {"RETOUCH_MIRROR_SECONDS": "1.5", "RETOUCH_MIRROR_BYTES": str(8 * GIB)}
    if script in (flood, promised):
        most["RETOUCH_MIRROR_BYTES"] = "20000000"
    mirror = build_mirror(aws, web, **most)
    inflated()
    web.scripts["/" + script.__name__] = script
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.monotonic()
    answer = mirror.handler({"url": f"{web.url}/{script.__name__}"}, context())
    assert time.monotonic() - started < 20
    (item,) = answer["data"]
    assert (item["status"], item["error"]["code"]) == (status, code)
    assert aws.objects() == {}
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000, "kilobytes"


def test_the_functions_own_deadline_is_kept_and_the_others_are_answered(aws, web):
    mirror = build_mirror(aws, web, RETOUCH_MIRROR_BYTES=str(8 * GIB))
    web.files["/a.png"] = PNG
    web.scripts["/drip"] = drip
    started = time.monotonic()
    urls = [f"{web.url}/drip", f"{web.url}/a.png"]
    answer = mirror.handler({"urls": urls}, context(6))
    assert time.monotonic() - started < 6
    slow, fine = answer["data"]
    assert (slow["error"]["code"], slow["error"]["retryable"]) == ("deadline_exceeded", True)
    assert fine["status"] == "stored"


def test_no_more_than_so_many_at_once(aws, web):
    mirror = build_mirror(aws, web, RETOUCH_MIRROR_PARALLEL="3")
    inside, most = [], []

    def counted(handler):
        inside.append(1)
        most.append(len(inside))
        time.sleep(0.05)
        inside.pop()
        web.status("/none", 404)
        return web.scripts["/none"](handler)

    urls = [f"{web.url}/{number}" for number in range(9)]
    web.scripts.update({f"/{number}": counted for number in range(9)})
    mirror.handler({"urls": urls}, context())
    assert max(most) == 3


def test_a_large_file_within_the_limit_is_stored(aws, web):
    """The mirror's own limit counts, not that of pictures in an edit."""
    data = photo(64, 64, "JPEG") + bytes(51_000_000)
    web.files["/large.jpg"] = data
    mirror = build_mirror(aws, web)
    (item,) = mirror.handler({"url": f"{web.url}/large.jpg"}, context())["data"]
    assert (item["status"], item["bytes"]) == ("stored", len(data))
    assert aws.head(item["key"])["ContentLength"] == len(data)
