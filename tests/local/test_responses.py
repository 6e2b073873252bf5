"""What the client gets back, on the streaming route and on a buffered one."""

import time
from pathlib import Path

import pytest
import requests

EDITS = "/v1/images/edits"
LIMIT = 6_291_556
both = pytest.mark.parametrize("path", [EDITS, "/buffered"])


def envelope(answer):
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["param"] is None
    return answer.status_code, error["type"], error["code"]


@both
def test_status_headers_and_cookies(call, path):
    answer = call("headers", path=path)
    assert (answer.status_code, answer.text) == (418, "hi")
    assert answer.headers["x-one"] == "1"
    assert answer.raw.headers.getlist("x-two") == ["2a", "2b"]
    assert answer.raw.headers.getlist("set-cookie") == ["a=1", "b=2"]


def test_pieces_arrive_one_by_one(call):
    answer = call("slow", 6, stream=True)
    started = time.monotonic()
    times = [time.monotonic() - started for _ in answer.iter_content(None)]
    assert len(times) == 6
    assert times[-1] - times[0] > 0.3, "at once, they would differ by nothing"


def test_a_buffered_route_collects_the_pieces(call):
    answer = call("slow", 2, path="/buffered")
    assert answer.text == "data: 0\n\ndata: 1\n\n"
    assert answer.headers["content-length"] == "18"


@pytest.mark.parametrize("do", ["broken", "dying"])
def test_an_error_half_way_breaks_off(call, do):
    answer = call(do, stream=True)
    assert answer.status_code == 200
    got = []
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        got.extend(answer.iter_content(None))
    assert got == [b"one"]
    assert call("pid").status_code == 200


@pytest.mark.parametrize("do", ["broken", "dying"])
def test_an_error_half_way_on_a_buffered_route_is_a_502(call, do):
    assert envelope(call(do, path="/buffered")) == (502, "server_error", "internal_error")


@both
@pytest.mark.parametrize("do", ["raise", "json", "newline", "exit"])
def test_a_function_at_fault_is_a_502(call, do, path):
    answer = call(do, path=path)
    assert envelope(answer) == (502, "server_error", "internal_error")
    assert answer.headers["x-should-retry"] == "false"
    assert answer.headers["x-retouch-billed"] == "unknown"
    assert call("pid", path=path).status_code == 200


def test_the_function_runs_on_when_the_client_hangs_up(call, tmp_path):
    marker = Path(tmp_path / "marker")
    answer = call("long", stream=True, headers={"X-Path": str(marker)})
    pids = {call("pid").text for _ in range(4)}
    answer.close()
    deadline = time.monotonic() + 60
    while not marker.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert marker.read_text() == "done"
    assert pids <= {call("pid").text for _ in range(4)} | pids


def test_a_large_answer_streams(call):
    assert len(call("big", 20_000_000).content) == 20_000_000


def test_a_large_answer_does_not_fit_a_buffered_route(call):
    answer = call("big", LIMIT, path="/buffered")  # the prelude takes it over the limit
    assert envelope(answer) == (502, "server_error", "internal_error")
    assert "6,291,556" in answer.json()["error"]["message"]
    assert len(call("big", LIMIT - 200, path="/buffered").content) == LIMIT - 200


def test_head_has_no_body(gateway):
    answer = requests.head(gateway.url + "/x?do=pid", timeout=60)
    assert (answer.status_code, answer.content) == (200, b"")
