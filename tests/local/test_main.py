"""The command: what it prints, and what it leaves behind."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import boto3
import psutil
import pytest
import requests

REPOSITORY = Path(__file__).parents[2]


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@pytest.fixture
def start(app):
    """Start the command; end whatever a test leaves running."""
    started = []

    def run(port, **env):
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "RETOUCH_"))}
        path = f"{REPOSITORY}/layers/retouch:{REPOSITORY}"
        own = {"PORT": str(port), "RETOUCH_LOCAL_TASK_ROOT": str(app), "PYTHONPATH": path}
        process = subprocess.Popen(
            [sys.executable, "-m", "local"],
            cwd=REPOSITORY,
            env={**inherited, **own, **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def children(process):
    return psutil.Process(process.pid).children(recursive=True)


def all_gone(processes):
    gone, alive = psutil.wait_procs(processes, timeout=60)
    return len(gone) == len(processes) and not alive


def ready(process):
    return process.stdout.readline(), process.stdout.readline()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_every_child(start, number):
    port = free_port()
    process = start(port)
    first, second = ready(process)
    url = f"http://127.0.0.1:{port}"
    assert first == f"Retouch is ready on {url}  Try:\n"
    assert second.startswith(f"curl -s {url}/v1/images/edits -F image=@events/photo.png ")
    assert requests.get(url + "/health?do=pid", timeout=60).status_code == 200
    running = children(process)
    assert len(running) == 2
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, "", "")
    assert all_gone(running)


def test_the_printed_line_works_as_pasted(start, tmp_path):
    port = free_port()
    process = start(port, RETOUCH_BUCKET="mine")
    line = ready(process)[1]
    (tmp_path / "events").mkdir()
    for name in ("photo.png", "mask.png"):
        (tmp_path / "events" / name).write_bytes(b"picture")
    done = subprocess.run(["sh", "-c", line], cwd=tmp_path, capture_output=True, timeout=60)
    assert b'"httpMethod": "POST"' in done.stdout
    assert len(children(process)) == 1


def test_s3_is_there_and_ends_with_the_rest(start):
    port = free_port()
    process = start(port)
    ready(process)
    env = requests.get(f"http://127.0.0.1:{port}/x?do=env", timeout=60).json()
    assert env["RETOUCH_BUCKET"] == "retouch-local"
    assert env["RETOUCH_AUTH_MODE"] == "open"
    s3 = boto3.client(
        "s3",
        region_name="us-east-1",
        endpoint_url=env["AWS_ENDPOINT_URL_S3"],
        aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"],
    )
    s3.put_object(Bucket="retouch-local", Key="a/b.png", Body=bytes(range(256)))
    link = s3.generate_presigned_url("get_object", {"Bucket": "retouch-local", "Key": "a/b.png"})
    assert requests.get(link, timeout=60).content == bytes(range(256))


def test_children_do_not_outlive_a_parent_that_is_killed(start):
    process = start(free_port())
    ready(process)
    running = children(process)
    assert len(running) == 2
    process.kill()
    assert all_gone(running)


def test_a_signal_before_it_is_ready(start):
    process = start(free_port())
    deadline = time.monotonic() + 60
    while len(children(process)) < 2 and time.monotonic() < deadline:
        time.sleep(0.005)
    running = children(process)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    assert all_gone(running)
    assert process.stdout.read() == ""


def test_a_port_that_is_taken(start):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        out, err = start(port).communicate(timeout=60)
    assert out == ""
    assert err.splitlines() == [f"Port {port} is taken. Set another: PORT=8788 make run"]


def test_the_port_is_closed_until_all_is_ready(start):
    port = free_port()
    process = start(port)
    deadline = time.monotonic() + 60
    status = None
    while status is None and time.monotonic() < deadline:
        try:
            status = requests.get(f"http://127.0.0.1:{port}/health?do=pid", timeout=60).status_code
        except requests.ConnectionError:
            time.sleep(0.01)
    assert status == 200
    assert ready(process)[0].startswith("Retouch is ready")


def test_a_function_that_cannot_start_is_said_and_served_as_502(start, tmp_path):
    (tmp_path / "app.py").write_text("raise RuntimeError('no luck')")
    port = free_port()
    process = start(port, RETOUCH_LOCAL_TASK_ROOT=str(tmp_path), RETOUCH_BUCKET="mine")
    lines = []
    while "Retouch answers 502" not in (lines or [""])[-1]:
        lines.append(process.stderr.readline())
    assert any("RuntimeError: no luck" in line for line in lines)
    assert requests.get(f"http://127.0.0.1:{port}/health", timeout=60).status_code == 502
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60)[0] == ""
