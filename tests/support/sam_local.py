"""The built functions in containers, as `sam local` runs them."""

import json
import os
import shutil
import signal
import subprocess
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

from devserver.ports import unused_port
from tests.e2e.sam_build import ENV, ROOT, WORK

SETUP_SCRIPT = ROOT / "tools" / "aws" / "sam-local-setup.sh"


def has_container_runtime():
    """Return whether containers can run here: with Docker, or as root with podman and its requirements."""
    if shutil.which("docker"):
        completed = subprocess.run(["docker", "info"], capture_output=True, timeout=30)
        if completed.returncode == 0:
            return True
    programs = ("podman", "runc")
    return os.geteuid() == 0 and all(map(shutil.which, programs)) and Path("/bin/busybox").exists()


@contextmanager
def serve_functions(log):
    """Run `sam local start-lambda` with warm containers. Yield the URL that invokes the edits function."""
    port = unused_port()
    command = (
        f". {WORK}/env.sh && exec {ROOT}/.work/sam/bin/sam local start-lambda --port {port} "
        f"-t {WORK}/build/template.yaml --env-vars events/env/local.json --skip-pull-image "
        f"--warm-containers EAGER --parameter-overrides Architecture={os.uname().machine.replace('aarch64', 'arm64')}"
    )
    # a pipe that nobody reads would stop the server when it is full
    with log.open("wb") as stderr:
        server = subprocess.Popen(["bash", "-c", command], cwd=ROOT, env=ENV, stderr=stderr)
    try:
        wait_for_text(log, "Running on", server)
        yield f"http://127.0.0.1:{port}/2015-03-31/functions/EditsFunction/invocations"
    finally:
        stop_server(server)


def wait_for_text(log, text, server):
    """Wait until the log of the server has the text. Fail when the server has ended before."""
    while text not in log.read_text(errors="replace"):
        assert server.poll() is None, log.read_text(errors="replace")
        time.sleep(0.1)


def stop_server(server):
    """Stop the server and its containers with SIGINT. Kill the server when it does not end in time."""
    server.send_signal(signal.SIGINT)
    try:
        server.wait(timeout=100)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def time_invocation(endpoint, event):
    """Invoke a function. Return its response, and the seconds that it took."""
    started = time.perf_counter()
    with urllib.request.urlopen(endpoint, event, timeout=200) as response:
        return json.load(response), time.perf_counter() - started
