"""Start child processes and end exactly those."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from bench import process_usage
from bench.paths import LOGS, ROOT

POLL_SECONDS = 0.002
# Otherwise the allocator returns the memory of each upload, and the kernel spends 4 ms on new pages.
ALLOCATOR_ENV = {"MALLOC_MMAP_THRESHOLD_": "100000000", "MALLOC_TRIM_THRESHOLD_": "100000000"}


def start_process(
    command: Sequence[object],
    log: str,
    env: Mapping[str, str] | None = None,
    cwd: Path = ROOT,
    stdout: int | None = None,
) -> subprocess.Popen[bytes]:
    """Start a process. Its output goes to a log file in the work folder."""
    LOGS.mkdir(parents=True, exist_ok=True)
    with (LOGS / f"{log}.log").open("ab") as out:
        return subprocess.Popen(
            [str(part) for part in command],
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=stdout or out,
            stderr=out,
            cwd=cwd,
        )


def stop_process(process: subprocess.Popen[bytes], timeout_seconds: float = 5) -> None:
    """End a process and its descendants, by pid."""
    processes = [
        psutil.Process(pid)
        for pid in process_usage.tree_pids(process.pid)
        if psutil.pid_exists(pid)
    ]
    for running in processes:
        _send_signal(running, "terminate")
    _, alive = psutil.wait_procs(processes, timeout_seconds)
    for running in alive:
        _send_signal(running, "kill")
    process.wait()


def wait_for_port(port: int, timeout_seconds: float = 30) -> None:
    """Return as soon as the port accepts connections. Raises TimeoutError after the timeout."""
    deadline = time.monotonic() + timeout_seconds
    while not _is_port_open(port):
        if time.monotonic() > deadline:
            raise TimeoutError(f"Nothing listens on 127.0.0.1:{port}.")
        time.sleep(POLL_SECONDS)


@contextmanager
def run_mock_provider(images: Path) -> Iterator[str]:
    """Run the mock provider in a separate process and yield its URL."""
    with _run_mock("bench.mock_provider", images) as url:
        yield url


@contextmanager
def run_mock_aws() -> Iterator[str]:
    """Run the mock AWS services in a separate process and yield their URL."""
    with _run_mock("bench.mock_aws") as url:
        yield url


@contextmanager
def _run_mock(module: str, *arguments: object) -> Iterator[str]:
    command = [sys.executable, "-m", module, *arguments]
    process = start_process(command, module, ALLOCATOR_ENV, stdout=subprocess.PIPE)
    try:
        port = int(process.stdout.readline())  # type: ignore[union-attr]
        yield f"http://127.0.0.1:{port}"
    finally:
        stop_process(process)


def has_commands(*commands: str) -> bool:
    """Return True when all commands are on the PATH."""
    return all(shutil.which(command) for command in commands)


def _is_port_open(port: int) -> bool:
    # A socket that connects to a free port of the ephemeral range can connect to itself.
    with socket.socket() as sock:
        is_connected = sock.connect_ex(("127.0.0.1", port)) == 0
        return is_connected and sock.getsockname() != sock.getpeername()


def _send_signal(process: psutil.Process, name: str) -> None:
    with suppress(psutil.NoSuchProcess):
        getattr(process, name)()
