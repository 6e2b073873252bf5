"""Tests of the command: its output, its exit status and its child processes."""

import errno
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

from devserver.ports import unused_port
from devserver.startup import address_problem

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def start_server(app, tmp_path_factory):
    """Return a function that starts the command. End every process that a test leaves running."""
    started = []

    def start(port, **env):
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "RETOUCH_"))}
        path = f"{REPOSITORY}/layers/retouch:{REPOSITORY}"
        own = {
            "PORT": str(port),
            "RETOUCH_LOCAL_TASK_ROOT": str(app),
            "RETOUCH_INBOX": str(tmp_path_factory.mktemp("inbox")),
            "RETOUCH_LOCAL_S3_PORT": "0",
            "PYTHONPATH": path,
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "devserver"],
            cwd=REPOSITORY,
            env={**inherited, **own, **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def child_processes(process):
    return psutil.Process(process.pid).children(recursive=True)


def have_all_ended(processes):
    gone, alive = psutil.wait_procs(processes, timeout=60)
    return len(gone) == len(processes) and not alive


def read_ready_lines(process):
    """Return the address and the curl command. A line about the playground and two about the inbox follow."""
    first, second, *_ = (process.stdout.readline() for _ in range(5))
    return first, second


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_stop_signal_ends_the_server_and_every_child(start_server, signal_number):
    port = unused_port()
    process = start_server(port)
    first, second = read_ready_lines(process)
    url = f"http://127.0.0.1:{port}"
    assert first == f"Retouch is ready on {url}  Try:\n"
    assert second.startswith(f"curl -s {url}/v1/images/edits -F image=@events/photo.png ")
    assert requests.get(url + "/health?do=pid", timeout=60).status_code == 200
    running = child_processes(process)
    assert len(running) == 2
    process.send_signal(signal_number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, "", "")
    assert have_all_ended(running)


def test_printed_curl_command_works_as_pasted(start_server, tmp_path):
    port = unused_port()
    process = start_server(port, RETOUCH_BUCKET="mine")
    line = read_ready_lines(process)[1]
    (tmp_path / "events").mkdir()
    for name in ("photo.png", "mask.png"):
        (tmp_path / "events" / name).write_bytes(b"picture")
    completed = subprocess.run(["sh", "-c", line], cwd=tmp_path, capture_output=True, timeout=60)
    assert b'"httpMethod": "POST"' in completed.stdout
    assert len(child_processes(process)) == 1


def test_printed_curl_command_sends_the_first_key_without_showing_it(start_server):
    key = "rt_first-key-of-a-test"
    process = start_server(unused_port(), RETOUCH_ADMIN_KEY=key)
    line = read_ready_lines(process)[1]
    assert key not in line
    command = line.replace("curl", "printf '%s\\n'", 1)
    words = subprocess.run(
        ["sh", "-c", command], env={"RETOUCH_ADMIN_KEY": key}, capture_output=True, text=True
    ).stdout.splitlines()
    assert f"Authorization: Bearer {key}" in words


def test_server_makes_the_folder_of_orders_that_it_is_given(start_server, tmp_path):
    folder = tmp_path / "new" / "orders"
    read_ready_lines(start_server(unused_port(), RETOUCH_ORDERS_FOLDER=str(folder)))
    assert folder.is_dir()


def test_local_s3_serves_objects_and_presigned_links(start_server):
    port = unused_port()
    process = start_server(port)
    read_ready_lines(process)
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


def test_children_end_when_the_server_is_killed(start_server):
    process = start_server(unused_port())
    read_ready_lines(process)
    running = child_processes(process)
    assert len(running) == 2
    process.kill()
    assert have_all_ended(running)


def test_stop_signal_during_startup_ends_every_child(start_server):
    process = start_server(unused_port())
    deadline = time.monotonic() + 60
    while len(child_processes(process)) < 2 and time.monotonic() < deadline:
        time.sleep(0.005)
    running = child_processes(process)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    assert have_all_ended(running)
    assert process.stdout.read() == ""


def test_server_prints_one_line_when_the_port_is_taken(start_server):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        out, err = start_server(port).communicate(timeout=60)
    assert out == ""
    assert err.splitlines() == [f"Port {port} is taken. Set another: PORT=8788 make run"]


@pytest.mark.parametrize("host", ["203.0.113.1", "2001:db8::1"])
def test_server_prints_one_line_for_an_address_of_another_machine(host, start_server):
    out, err = start_server(unused_port(), HOST=host).communicate(timeout=60)
    (line,) = err.splitlines()
    assert line.startswith(f"HOST is '{host}', ")
    assert "Leave HOST out" in line
    assert out == ""


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (errno.EACCES, "Port 80 needs administrator rights on this machine."),
        (errno.EINVAL, "Port 80 of HOST 'fe80::1' cannot be used: Invalid argument."),
    ],
)
def test_address_problem_names_the_port_and_the_reason(number, text):
    error = OSError(number, os.strerror(number))
    assert address_problem(error, "fe80::1", 80).startswith(text)


def test_taken_port_of_links_is_told_and_the_server_runs(start_server):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        process = start_server(unused_port(), RETOUCH_LOCAL_S3_PORT=str(taken))
        assert read_ready_lines(process)[0].startswith("Retouch is ready on")
        process.send_signal(signal.SIGINT)
        err = process.communicate(timeout=60)[1]
    assert err.startswith(
        f"warning: port {taken} is taken, so the links to results work only until"
    )


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PORT", "abc"),
        ("PORT", "99999"),
        ("RETOUCH_LOCAL_WORKERS", "0"),
        ("RETOUCH_LOCAL_TIMEOUT", "soon"),
        ("RETOUCH_LOCAL_SWEEP_SECONDS", "0"),
        ("RETOUCH_IDEMPOTENCY_HOURS", "abc"),
        ("RETOUCH_URL_SECONDS", "1h"),
        ("RETOUCH_AUTH_MODE", "foo"),
    ],
)
def test_server_prints_one_line_for_an_invalid_setting(start_server, variable, value):
    out, err = start_server(unused_port(), **{variable: value}).communicate(timeout=60)
    (line,) = err.splitlines()
    assert line.startswith(f"{variable} is '{value}'. It must be ")
    assert out == ""


def test_server_prints_one_line_for_an_admin_key_that_is_none_and_does_not_repeat_it(start_server):
    out, err = start_server(unused_port(), RETOUCH_ADMIN_KEY="sk-canary").communicate(timeout=60)
    (line,) = err.splitlines()
    assert line.startswith("RETOUCH_ADMIN_KEY must begin with 'rt_'")
    assert "canary" not in line
    assert out == ""


def test_server_prints_one_line_for_an_unknown_default_model(start_server):
    process = start_server(unused_port(), RETOUCH_DEFAULT_MODEL="openai/gpt-image-22")
    out, err = process.communicate(timeout=60)
    (line,) = err.splitlines()
    assert line.startswith("RETOUCH_DEFAULT_MODEL names no model of this gateway. ")
    assert "'openai/gpt-image-22'" in line
    assert "Did you mean openai/gpt-image-2?" in line
    assert out == ""


def test_server_port_stays_closed_until_every_function_is_ready(start_server):
    port = unused_port()
    process = start_server(port)
    deadline = time.monotonic() + 60
    status = None
    while status is None and time.monotonic() < deadline:
        try:
            status = requests.get(f"http://127.0.0.1:{port}/health?do=pid", timeout=60).status_code
        except requests.ConnectionError:
            time.sleep(0.01)
    assert status == 200
    assert read_ready_lines(process)[0].startswith("Retouch is ready")


def test_function_that_cannot_start_is_reported_and_gets_502(start_server, tmp_path):
    (tmp_path / "app.py").write_text("raise RuntimeError('no luck')")
    port = unused_port()
    process = start_server(port, RETOUCH_LOCAL_TASK_ROOT=str(tmp_path), RETOUCH_BUCKET="mine")
    lines: list[str] = []
    while "Retouch returns 502" not in (lines or [""])[-1]:
        lines.append(process.stderr.readline())
    assert any("RuntimeError: no luck" in line for line in lines)
    assert requests.get(f"http://127.0.0.1:{port}/health", timeout=60).status_code == 502
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60)[0] == ""


def test_provider_address_that_is_the_server_itself_is_refused_without_a_stack_trace(start_server):
    port = unused_port()
    process = start_server(
        port,
        RETOUCH_LOCAL_TASK_ROOT=str(REPOSITORY / "functions" / "edits"),
        RETOUCH_BUCKET="mine",
        OPENAI_BASE_URL=f"http://localhost:{port}/v1",
    )
    lines: list[str] = []
    while "Retouch returns 502" not in (lines or [""])[-1]:
        lines.append(process.stderr.readline())
    assert any("OPENAI_BASE_URL is the address of the gateway itself" in line for line in lines)
    assert not any("Traceback" in line for line in lines)
