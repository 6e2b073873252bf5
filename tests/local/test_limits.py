"""API Gateway's limits: bodies, payloads and patience."""

import os
import socket

import orjson
import pytest
import requests

from local.gateway import Gateway
from local.settings import MAX_BODY, MAX_PAYLOAD, Limits

EDITS = "/v1/images/edits"


@pytest.fixture
def payload_of(call):
    """How long the event is for a body of so many bytes, found from a small one."""
    event = call("echo", data=b"abc").text
    compact = orjson.dumps(orjson.loads(event))
    return lambda size: len(compact) - 4 - len("echo") + len("size") - (-size // 3 * 4)


def test_payload_at_and_over_the_limit(call, payload_of):
    size = (MAX_PAYLOAD - payload_of(0)) // 4 * 3
    exactly = [s for s in range(size - 30, size + 31, 3) if payload_of(s) <= MAX_PAYLOAD][-1]
    assert call("size", data=os.urandom(exactly)).status_code == 200
    refused(call("size", data=os.urandom(exactly + 30)))


def refused(answer):
    error = answer.json()["error"]
    assert answer.status_code == 413
    assert (error["type"], error["code"]) == ("invalid_request_error", "body_too_large")
    assert error["param"] is None
    assert "10,485,760" in error["message"]
    assert "4.7 MB" in error["message"]
    assert answer.headers["x-retouch-billed"] == "no"


@pytest.mark.parametrize("size", [MAX_BODY, MAX_BODY + 1, 30_000_000])
@pytest.mark.parametrize("path", [EDITS, "/other"])
def test_a_body_over_the_limit_is_refused_and_the_answer_arrives(call, size, path):
    refused(call("size", path=path, data=bytes(size)))
    assert call("pid").status_code == 200


def test_a_chunked_body_over_the_limit(call):
    refused(call("size", data=(bytes(1_000_000) for _ in range(12))))


def test_a_chunked_body_within_the_limit(call):
    assert call("size", data=(b"abc" for _ in range(100))).text == "400"


def test_a_client_that_asks_first_need_not_send(gateway):
    host, port = gateway.url[7:].split(":")
    with socket.create_connection((host, int(port)), timeout=60) as sock:
        head = f"POST {EDITS} HTTP/1.1\r\nHost: x\r\nContent-Length: {MAX_BODY + 1}\r\n"
        sock.sendall(head.encode() + b"Expect: 100-continue\r\n\r\n")
        assert sock.recv(100).startswith(b"HTTP/1.1 413 ")


@pytest.fixture
def impatient(app):
    limits = Limits(buffered=0.5, function=1.5)
    with Gateway(task_root=app, limits=limits) as running:
        yield running.url


def test_a_buffered_route_times_out_and_the_function_goes_on(impatient):
    answer = requests.get(impatient + "/x?do=sleep&n=900", timeout=60)
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "gateway_timeout")
    assert answer.headers["x-should-retry"] == "false"
    first = requests.post(impatient + EDITS + "?do=pid", timeout=60).text
    assert first == requests.post(impatient + EDITS + "?do=pid", timeout=60).text


def test_a_late_pieces_of_a_buffered_answer_are_thrown_away(impatient):
    assert requests.get(impatient + "/x?do=slow&n=4", timeout=60).status_code == 504
    assert requests.post(impatient + EDITS + "?do=pid", timeout=60).status_code == 200


def test_the_streaming_route_has_more_patience(impatient):
    assert requests.post(impatient + EDITS + "?do=sleep&n=900", timeout=60).status_code == 200


def test_a_function_out_of_time_is_ended_and_replaced(impatient):
    before = requests.post(impatient + EDITS + "?do=pid", timeout=60).text
    answer = requests.post(impatient + EDITS + "?do=sleep&n=9000", timeout=60)
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "gateway_timeout")
    assert answer.headers["x-retouch-billed"] == "unknown"
    assert requests.post(impatient + EDITS + "?do=pid", timeout=60).text != before


def test_a_stream_out_of_time_breaks_off(impatient):
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        requests.post(impatient + EDITS + "?do=slow&n=40", timeout=60)
