"""Tests of hosts that never finish. Slow bodies, bombs and loops end within limits, and nothing is stored."""

import gzip
import resource
import time
from functools import cache

import pytest

from tests.support.events import lambda_context
from tests.support.images import photo
from tests.support.mirror import build_mirror

PNG = photo(64, 64)
GIB = 1024**3


def send_head(handler, **headers):
    handler.send_response(200)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), str(value))
    handler.end_headers()


def drip(handler):
    """Send 5 GB, one byte at a time."""
    send_head(handler, content_length=5 * GIB)
    handler.wfile.write(PNG)
    while True:
        handler.wfile.write(b"\0")
        time.sleep(0.02)


def flood(handler):
    """Send 5 GB at full speed, without a Content-Length."""
    send_head(handler)
    handler.close_connection = True
    handler.wfile.write(PNG)
    while True:
        handler.wfile.write(bytes(65_536))


def send_oversized_content_length(handler):
    send_head(handler, content_length=5 * GIB)
    handler.wfile.write(PNG)


@cache
def compressed_image():
    return gzip.compress(PNG + bytes(100_000_000), 1)


def send_compression_bomb(handler):
    """Send an image that inflates to 100 MB."""
    body = compressed_image()
    send_head(handler, content_encoding="gzip", content_length=len(body))
    handler.wfile.write(body)


def loop(handler):
    handler.send_response(302)
    handler.send_header("location", "/loop")
    handler.send_header("content-length", "0")
    handler.end_headers()


def stay_silent(handler):
    time.sleep(8)


@pytest.mark.parametrize(
    ("script", "status", "code"),
    [
        (drip, "failed", "fetch_failed"),
        (flood, "refused", "fetch_too_large"),
        (send_oversized_content_length, "refused", "fetch_too_large"),
        (send_compression_bomb, "refused", "fetch_unsupported_media"),
        (loop, "refused", "ssrf_blocked"),
        (stay_silent, "failed", "fetch_failed"),
    ],
)
def test_hostile_host_ends_within_limits_and_stores_nothing(aws, web, script, status, code):
    seconds = "1.5" if script in (drip, stay_silent) else "60"
    limits = {"RETOUCH_MIRROR_SECONDS": seconds, "RETOUCH_MIRROR_BYTES": str(8 * GIB)}
    if script in (flood, send_oversized_content_length):
        limits["RETOUCH_MIRROR_BYTES"] = "20000000"
    mirror = build_mirror(aws, web, **limits)
    compressed_image()
    web.scripts["/" + script.__name__] = script
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.monotonic()
    response = mirror.handler({"url": f"{web.url}/{script.__name__}"}, lambda_context())
    assert time.monotonic() - started < 50
    (item,) = response["data"]
    assert (item["status"], item["error"]["code"]) == (status, code)
    assert aws.objects() == {}
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000, "kilobytes"


def test_endless_url_ends_at_function_deadline_and_other_urls_are_stored(aws, web):
    mirror = build_mirror(aws, web, RETOUCH_MIRROR_BYTES=str(8 * GIB))
    web.files["/a.png"] = PNG
    web.scripts["/drip"] = drip
    started = time.monotonic()
    urls = [f"{web.url}/drip", f"{web.url}/a.png"]
    response = mirror.handler({"urls": urls}, lambda_context(6))
    assert time.monotonic() - started < 20, "the stand-in never ends"
    slow, fine = response["data"]
    assert (slow["error"]["code"], slow["error"]["retryable"]) == ("deadline_exceeded", True)
    assert fine["status"] == "stored"


def test_parallel_setting_limits_concurrent_fetches(aws, web):
    mirror = build_mirror(aws, web, RETOUCH_MIRROR_PARALLEL="3")
    inside, concurrency = [], []

    def count_concurrent_requests(handler):
        inside.append(1)
        concurrency.append(len(inside))
        time.sleep(0.05)
        inside.pop()
        web.set_status("/none", 404)
        return web.scripts["/none"](handler)

    urls = [f"{web.url}/{number}" for number in range(9)]
    web.scripts.update({f"/{number}": count_concurrent_requests for number in range(9)})
    mirror.handler({"urls": urls}, lambda_context())
    assert max(concurrency) == 3


def test_file_larger_than_upload_limit_is_stored_by_mirror(aws, web):
    """The size limit of the mirror applies here, not the limit of images in an edit."""
    data = photo(64, 64, "JPEG") + bytes(51_000_000)
    web.files["/large.jpg"] = data
    mirror = build_mirror(aws, web)
    (item,) = mirror.handler({"url": f"{web.url}/large.jpg"}, lambda_context())["data"]
    assert (item["status"], item["bytes"]) == ("stored", len(data))
    assert aws.head(item["key"])["ContentLength"] == len(data)
