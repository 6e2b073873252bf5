"""Starting other processes and ending exactly those."""

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

from bench import usage
from bench.paths import LOGS, ROOT

POLL_S = 0.002
# Else the allocator gives every upload's memory back and the kernel spends 4 ms on new pages.
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": "100000000", "MALLOC_TRIM_THRESHOLD_": "100000000"}


def free_port() -> int:
    """A loopback port nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def spawn(
    command: Sequence[object],
    log: str,
    env: Mapping[str, str] | None = None,
    cwd: Path = ROOT,
    stdout: int | None = None,
) -> subprocess.Popen[bytes]:
    """Start a process; what it says goes to a file in the work folder."""
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


def stop(process: subprocess.Popen[bytes], patience_s: float = 5) -> None:
    """End a process and what it started, by pid."""
    family = [psutil.Process(pid) for pid in usage.tree(process.pid) if psutil.pid_exists(pid)]
    for member in family:
        _signal(member, "terminate")
    _, alive = psutil.wait_procs(family, patience_s)
    for member in alive:
        _signal(member, "kill")
    process.wait()


def wait_for_port(port: int, limit_s: float = 30) -> None:
    """Return as soon as somebody accepts connections there."""
    deadline = time.monotonic() + limit_s
    while not _accepts(port):
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing listens on 127.0.0.1:{port}")
        time.sleep(POLL_S)


@contextmanager
def mock_upstream(images: Path) -> Iterator[str]:
    """The mock provider as a process of its own; gives its URL."""
    command = [sys.executable, "-m", "bench.mock", images]
    process = spawn(command, "mock", KEEP_MEMORY, stdout=subprocess.PIPE)
    try:
        port = int(process.stdout.readline())  # type: ignore[union-attr]
        yield f"http://127.0.0.1:{port}"
    finally:
        stop(process)


def found(*commands: str) -> bool:
    """True when all commands are on the PATH."""
    return all(shutil.which(command) for command in commands)


def _accepts(port: int) -> bool:
    # A socket that dials a free port of the ephemeral range can reach itself.
    with socket.socket() as sock:
        reached = sock.connect_ex(("127.0.0.1", port)) == 0
        return reached and sock.getsockname() != sock.getpeername()


def _signal(process: psutil.Process, name: str) -> None:
    with suppress(psutil.NoSuchProcess):
        getattr(process, name)()
