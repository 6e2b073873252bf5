"""Tests of the response that the client receives, on the streaming route and on a buffered route."""

import time
from pathlib import Path

import pytest
import requests

EDITS = "/v1/images/edits"
MAX_RESPONSE_BYTES = 6_291_556
on_both_routes = pytest.mark.parametrize("path", [EDITS, "/buffered"])


def error_fields(response):
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["param"] is None
    return response.status_code, error["type"], error["code"]


@on_both_routes
def test_response_keeps_status_headers_and_cookies(call_function, path):
    response = call_function("headers", path=path)
    assert (response.status_code, response.text) == (418, "hi")
    assert response.headers["x-one"] == "1"
    assert response.raw.headers.getlist("x-two") == ["2a", "2b"]
    assert response.raw.headers.getlist("set-cookie") == ["a=1", "b=2"]


def test_streaming_route_delivers_chunks_as_they_are_sent(call_function, tmp_path):
    received = tmp_path / "received"
    response = call_function("two", stream=True, headers={"X-Path": str(received)})
    chunks = response.iter_content(None)
    assert next(chunks) == b"one"
    received.touch()
    assert list(chunks) == [b"two"]


def test_buffered_route_joins_the_chunks_of_a_stream(call_function):
    response = call_function("slow", 2, path="/buffered")
    assert response.text == "data: 0\n\ndata: 1\n\n"
    assert response.headers["content-length"] == "18"


@pytest.mark.parametrize("do", ["broken", "dying"])
def test_error_in_mid_stream_breaks_off_the_streaming_response(call_function, do):
    response = call_function(do, stream=True)
    assert response.status_code == 200
    received = []
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        received.extend(response.iter_content(None))
    assert received == [b"one"]
    assert call_function("pid").status_code == 200


@pytest.mark.parametrize("do", ["broken", "dying"])
def test_error_in_mid_stream_gets_502_on_a_buffered_route(call_function, do):
    assert error_fields(call_function(do, path="/buffered")) == (
        502,
        "server_error",
        "internal_error",
    )


@on_both_routes
@pytest.mark.parametrize("do", ["raise", "json", "newline", "exit"])
def test_failed_function_gets_502_with_unknown_billing(call_function, do, path):
    response = call_function(do, path=path)
    assert error_fields(response) == (502, "server_error", "internal_error")
    assert response.headers["x-should-retry"] == "false"
    assert response.headers["x-retouch-billed"] == "unknown"
    assert call_function("pid", path=path).status_code == 200


def test_function_keeps_running_after_the_client_disconnects(call_function, tmp_path):
    marker = Path(tmp_path / "marker")
    response = call_function("long", stream=True, headers={"X-Path": str(marker)})
    pids = {call_function("pid").text for _ in range(4)}
    response.close()
    deadline = time.monotonic() + 60
    while not marker.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert marker.read_text() == "done"
    assert pids <= {call_function("pid").text for _ in range(4)} | pids


def test_large_response_is_delivered_on_the_streaming_route(call_function):
    assert len(call_function("big", 20_000_000).content) == 20_000_000


def test_large_response_gets_502_on_a_buffered_route(call_function):
    # With the prelude the response is over the limit.
    response = call_function("big", MAX_RESPONSE_BYTES, path="/buffered")
    assert error_fields(response) == (502, "server_error", "internal_error")
    assert "6,291,556" in response.json()["error"]["message"]
    assert (
        len(call_function("big", MAX_RESPONSE_BYTES - 200, path="/buffered").content)
        == MAX_RESPONSE_BYTES - 200
    )


def test_head_response_has_no_body(gateway):
    response = requests.head(gateway.url + "/x?do=pid", timeout=60)
    assert (response.status_code, response.content) == (200, b"")
