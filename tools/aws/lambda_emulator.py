"""Run a built layer in Lambda's emulator, with loopback servers in place of AWS and a provider."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from devserver.ports import unused_port

ROOT = Path(__file__).resolve().parents[2]
FUNCTION_FOLDER = ROOT / ".work" / "local" / "build" / "EditsFunction"
_INVOKE_PATH = "/2015-03-31/functions/function/invocations"
StubResponses = Mapping[str, bytes]


@contextmanager
def loopback_server(responses: StubResponses) -> Iterator[str]:
    """Run a server that responds at once and yield its URL. AWS's X-Amz-Target selects the response, else the path."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *_: object) -> None:
            """Log nothing."""

        def do_POST(self) -> None:
            """Send the response for the target or the path."""
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = responses[self.headers.get("X-Amz-Target") or self.path]
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def time_first_invocation(
    layer: Path, python: Path, event: bytes, env: Mapping[str, str]
) -> tuple[float, dict[str, object]]:
    """Start the emulator, invoke the function once and return the milliseconds and the response."""
    ports = [unused_port(), unused_port()]
    (emulator,) = ROOT.glob(".work/sam/lib/python3*/site-packages/samcli/local/rapid/*-x86_64")
    command: list[str | Path] = [
        *("taskset", "-c", "0", emulator, "--log-level", "error"),
        *("--runtime-interface-emulator-address", f"127.0.0.1:{ports[0]}"),
        *("--runtime-api-address", f"127.0.0.1:{ports[1]}"),
        *(layer / "retouch-runtime", python),
    ]
    process = subprocess.Popen(
        command,
        env=_emulator_environment(layer, env),
        cwd=FUNCTION_FOLDER,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait_for_port(ports[0])
        return _time_request(f"http://127.0.0.1:{ports[0]}{_INVOKE_PATH}", event)
    finally:
        os.killpg(process.pid, 9)
        process.wait()


def _emulator_environment(layer: Path, env: Mapping[str, str]) -> dict[str, str]:
    return {
        "PATH": "/usr/bin:/bin",
        "AWS_LAMBDA_FUNCTION_TIMEOUT": "60",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_SAM_LOCAL": "true",  # The emulator accepts only buffered responses.
        "LAMBDA_TASK_ROOT": str(FUNCTION_FOLDER),
        "_HANDLER": "app.handler",
        "PYTHONDONTWRITEBYTECODE": "1",  # On Lambda, /opt and /var/task are read-only.
        "PYTHONPATH": str(layer / "python"),
        **env,
    }


def _time_request(url: str, event: bytes) -> tuple[float, dict[str, object]]:
    started = time.perf_counter()
    with urllib.request.urlopen(url, event, timeout=60) as response:  # noqa: S310 - loopback
        body = response.read()
    return (time.perf_counter() - started) * 1000, json.loads(body)


def _wait_for_port(port: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.005)
    raise TimeoutError("the emulator did not start")
