"""Tests of API Gateway's limits: body size, payload size and timeouts."""

import os
import socket

import orjson
import pytest
import requests

from devserver.server import DevServer
from devserver.settings import MAX_BODY_BYTES, MAX_PAYLOAD_BYTES, Timeouts

EDITS = "/v1/images/edits"


@pytest.fixture
def payload_size(call_function):
    """Return a function that computes the event size for a body size, from the event of a small body."""
    event = call_function("echo", data=b"abc").text
    compact = orjson.dumps(orjson.loads(event))
    return lambda size: len(compact) - 4 - len("echo") + len("size") - (-size // 3 * 4)


def test_payload_at_the_limit_is_accepted_and_above_it_gets_413(call_function, payload_size):
    size = (MAX_PAYLOAD_BYTES - payload_size(0)) // 4 * 3
    exactly = [s for s in range(size - 30, size + 31, 3) if payload_size(s) <= MAX_PAYLOAD_BYTES][
        -1
    ]
    assert call_function("size", data=os.urandom(exactly)).status_code == 200
    assert_body_too_large(call_function("size", data=os.urandom(exactly + 30)))


def assert_body_too_large(response):
    error = response.json()["error"]
    assert response.status_code == 413
    assert (error["type"], error["code"]) == ("invalid_request_error", "body_too_large")
    assert error["param"] is None
    assert "10,485,760" in error["message"]
    assert "4.7 MB" in error["message"]
    assert response.headers["x-retouch-billed"] == "no"


@pytest.mark.parametrize("size", [MAX_BODY_BYTES, MAX_BODY_BYTES + 1, 30_000_000])
@pytest.mark.parametrize("path", [EDITS, "/other"])
def test_body_over_the_limit_gets_413(call_function, size, path):
    assert_body_too_large(call_function("size", path=path, data=bytes(size)))
    assert call_function("pid").status_code == 200


def test_chunked_body_over_the_limit_gets_413(call_function):
    assert_body_too_large(call_function("size", data=(bytes(1_000_000) for _ in range(12))))


def test_chunked_body_within_the_limit_is_accepted(call_function):
    assert call_function("size", data=(b"abc" for _ in range(100))).text == "400"


def test_expect_continue_request_over_the_limit_gets_413_before_the_body(gateway):
    host, port = gateway.url[7:].split(":")
    with socket.create_connection((host, int(port)), timeout=60) as sock:
        head = f"POST {EDITS} HTTP/1.1\r\nHost: x\r\nContent-Length: {MAX_BODY_BYTES + 1}\r\n"
        sock.sendall(head.encode() + b"Expect: 100-continue\r\n\r\n")
        assert sock.recv(100).startswith(b"HTTP/1.1 413 ")


@pytest.fixture
def short_timeout_url(app):
    limits = Timeouts(buffered=0.5, function=1.5)
    with DevServer(task_root=app, timeouts=limits) as running:
        yield running.url


def test_buffered_route_gets_504_on_timeout_and_the_worker_is_kept(short_timeout_url):
    response = requests.get(short_timeout_url + "/x?do=sleep&n=900", timeout=60)
    assert (response.status_code, response.json()["error"]["code"]) == (504, "gateway_timeout")
    assert response.headers["x-should-retry"] == "false"
    first = requests.post(short_timeout_url + EDITS + "?do=pid", timeout=60).text
    assert first == requests.post(short_timeout_url + EDITS + "?do=pid", timeout=60).text


def test_buffered_route_discards_chunks_after_the_timeout(short_timeout_url):
    assert requests.get(short_timeout_url + "/x?do=slow&n=4", timeout=60).status_code == 504
    assert requests.post(short_timeout_url + EDITS + "?do=pid", timeout=60).status_code == 200


def test_streaming_route_is_not_cut_off_by_the_buffered_timeout(short_timeout_url):
    assert (
        requests.post(short_timeout_url + EDITS + "?do=sleep&n=900", timeout=60).status_code == 200
    )


def test_worker_over_the_function_timeout_gets_504_and_is_replaced(short_timeout_url):
    before = requests.post(short_timeout_url + EDITS + "?do=pid", timeout=60).text
    response = requests.post(short_timeout_url + EDITS + "?do=sleep&n=9000", timeout=60)
    assert (response.status_code, response.json()["error"]["code"]) == (504, "gateway_timeout")
    assert response.headers["x-retouch-billed"] == "unknown"
    assert requests.post(short_timeout_url + EDITS + "?do=pid", timeout=60).text != before


def test_stream_over_the_function_timeout_is_broken_off(short_timeout_url):
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        requests.post(short_timeout_url + EDITS + "?do=slow&n=40", timeout=60)
