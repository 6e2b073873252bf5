"""Tests of the built function in a container, as `make invoke` runs it. Skipped without a container runtime."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

from tests.e2e.sam_build import ENV, ROOT, WORK, run_build, run_make
from tests.support.event_outcomes import status_and_code
from tools.events import EVENTS, EVENTS_FOLDER

SETUP_SCRIPT = ROOT / "tools" / "aws" / "sam-local-setup.sh"

pytestmark = [pytest.mark.timeout(400)]


def has_container_runtime():
    """Return whether containers can run here: with Docker, or as root with podman and its requirements."""
    if shutil.which("docker"):
        completed = subprocess.run(["docker", "info"], capture_output=True, timeout=30)
        if completed.returncode == 0:
            return True
    programs = ("podman", "runc")
    return os.geteuid() == 0 and all(map(shutil.which, programs)) and Path("/bin/busybox").exists()


@pytest.fixture(scope="module")
def sam_build():
    """Build for this machine. Stop podman's service after the tests; the next command starts a new one."""
    if not has_container_runtime():
        pytest.skip(
            "not run: there is no container runtime. Start Docker, "
            "or run `apt-get install podman runc busybox-static` and the tests as root"
        )
    with run_build("build-local"):
        yield
        subprocess.run([SETUP_SCRIPT, WORK, "stop"], check=False)


@pytest.fixture
def endpoint(sam_build, tmp_path):
    """Run `sam local start-lambda` with a warm container and yield the invocation URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = (
        f". {WORK}/env.sh && exec {ROOT}/.work/sam/bin/sam local start-lambda --port {port} "
        f"-t {WORK}/build/template.yaml --env-vars events/env/local.json --skip-pull-image "
        f"--warm-containers EAGER --parameter-overrides Architecture={os.uname().machine.replace('aarch64', 'arm64')}"
    )
    log = tmp_path / "sam.log"  # a pipe that nobody reads would stop the server when it is full
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
    started = time.perf_counter()
    with urllib.request.urlopen(endpoint, event, timeout=200) as response:
        return json.load(response), time.perf_counter() - started


def test_sample_events_get_their_status_in_the_container(endpoint):
    for name, sample in EVENTS.items():
        response, _ = time_invocation(endpoint, (EVENTS_FOLDER / f"{name}.json").read_bytes())
        if isinstance(response.get("body"), str):
            response["body"] = response["body"].encode()
        assert status_and_code(response) == (sample.status, sample.code), name


def test_make_invoke_prints_an_edited_image(sam_build):
    completed = run_make("invoke", "EVENT=events/edit_direct_invoke.json")
    assert completed.returncode == 0, completed.stderr
    (image,) = json.loads(completed.stdout.splitlines()[-1])["data"]
    assert image["b64_json"]
