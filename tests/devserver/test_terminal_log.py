"""The log on a terminal: the lines, and `make run` on a real pseudo terminal."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from devserver.ports import unused_port
from devserver.terminal_log import readable_line

ROOT = Path(__file__).parents[2]
EDIT = (
    b'{"level":"INFO","message":"request","operation":"edit","status":200,"ms":812.4,"provider":"openai",'
    b'"model":"gpt-image-2","billed":"yes","cost_usd":"0.053"}\n'
)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (EDIT, b"edit  openai/gpt-image-2  200  812 ms  billed yes  $0.053\n"),
        (
            b'{"message":"request","operation":"edit","status":400,"ms":1.2,"billed":"no","error":"no_mask"}\n',
            b"edit  400  1 ms  billed no  no_mask\n",
        ),
        (b'{"_aws":{},"EditRequests":[1.0]}\n', None),
        (b'{"level":"WARNING","message":"open"}\n', b"warning: open\n"),
        (b"Traceback (most recent call last):\n", b"Traceback (most recent call last):\n"),
        (b"[1, 2]\n", b"[1, 2]\n"),
        (b'{"other":1}\n', b'{"other":1}\n'),
    ],
)
def test_json_line_is_written_as_text_for_a_terminal(line, expected):
    assert readable_line(line) == expected


def test_warning_about_a_setting_that_the_server_has_chosen_is_left_out():
    line = b'{"level":"WARNING","message":"RETOUCH_AUTH_MODE=open: anybody may use it"}\n'
    assert readable_line(line, ("RETOUCH_AUTH_MODE",)) is None
    assert readable_line(line) == b"warning: RETOUCH_AUTH_MODE=open: anybody may use it\n"


def run_on_terminal(port, **env):
    """Start the server with a pseudo terminal as its standard error, and return both."""
    terminal, child_end = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "devserver"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=child_end,
        env={
            **os.environ,
            "PORT": str(port),
            "RETOUCH_LOCAL_S3_PORT": "0",  # a warning names a port that another test has taken
            "PYTHONPATH": f"layers/retouch{os.pathsep}.",
            **env,
        },
    )
    os.close(child_end)
    assert process.stdout
    process.stdout.readline()
    return process, terminal


def read_until(terminal, text):
    data = b""
    while text not in data:
        data += os.read(terminal, 4096)
    return data


def test_request_is_one_readable_line_on_a_terminal(tmp_path):
    port = unused_port()
    process, terminal = run_on_terminal(port, RETOUCH_INBOX=str(tmp_path))
    try:
        files = {name: (ROOT / f"events/{name}").read_bytes() for name in ("photo.png", "mask.png")}
        requests.post(
            f"http://127.0.0.1:{port}/v1/images/edits",
            files={"image": files["photo.png"], "mask": files["mask.png"]},
            data={"prompt": "x"},
            timeout=60,
        ).raise_for_status()
        output = read_until(terminal, b"billed no")
        assert b"edit  local/erase  200  " in output
        assert b"{" not in output
        assert b"warning" not in output  # the server itself has chosen the open settings
    finally:
        process.terminate()
        process.wait(30)
        os.close(terminal)


def test_server_on_all_addresses_warns_that_other_machines_reach_it(tmp_path):
    process, terminal = run_on_terminal(unused_port(), HOST="0.0.0.0", RETOUCH_INBOX=str(tmp_path))
    try:
        assert b"other machines reach this gateway" in read_until(terminal, b"leave HOST out")
    finally:
        process.terminate()
        process.wait(30)
        os.close(terminal)
