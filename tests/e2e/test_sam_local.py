"""The built function in a container, as `make invoke` runs it. Not run where there is no container runtime."""

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

from tests.e2e.built import ENV, ROOT, WORK, built, make
from tests.infra.test_events import outcome
from tools.events import EVENTS, FOLDER

SETUP = ROOT / "tools" / "aws" / "sam-local-setup.sh"

pytestmark = [pytest.mark.timeout(400)]


def runtime():
    """Whether a container can be run here: Docker, or podman by root with what it needs."""
    if shutil.which("docker"):
        asked = subprocess.run(["docker", "info"], capture_output=True, timeout=30)
        if asked.returncode == 0:
            return True
    needed = ("podman", "runc")
    return os.geteuid() == 0 and all(map(shutil.which, needed)) and Path("/bin/busybox").exists()


@pytest.fixture(scope="module")
def local():
    """The build for this machine; podman's service ends with the tests, and the next command starts another."""
    if not runtime():
        pytest.skip("not run: no container runtime")
    with built("build-local"):
        yield
        subprocess.run([SETUP, WORK, "stop"], check=False)


@pytest.fixture
def endpoint(local):
    """`sam local start-lambda` with a warm container; the address that takes invocations."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = (
        f". {WORK}/env.sh && exec {ROOT}/.work/sam/bin/sam local start-lambda --port {port} "
        f"-t {WORK}/build/template.yaml --env-vars events/env/local.json --skip-pull-image "
        f"--warm-containers EAGER --parameter-overrides Architecture={os.uname().machine.replace('aarch64', 'arm64')}"
    )
    server = subprocess.Popen(
        ["bash", "-c", command], cwd=ROOT, env=ENV, stderr=subprocess.PIPE, text=True
    )
    try:
        for line in server.stderr:
            if "Running on" in line:
                break
        yield f"http://127.0.0.1:{port}/2015-03-31/functions/EditsFunction/invocations"
    finally:
        end(server)


def end(server):
    """Ask it to go, which takes its containers along; one that does not go is ended."""
    server.send_signal(signal.SIGINT)
    try:
        server.communicate(timeout=100)
    except subprocess.TimeoutExpired:
        server.kill()
        server.communicate()


def invoke(endpoint, event):
    began = time.perf_counter()
    with urllib.request.urlopen(endpoint, event, timeout=200) as answer:
        return json.load(answer), time.perf_counter() - began


def test_every_event_keeps_its_promise_in_the_container(endpoint):
    for name, sample in EVENTS.items():
        answer, _ = invoke(endpoint, (FOLDER / f"{name}.json").read_bytes())
        if isinstance(answer.get("body"), str):
            answer["body"] = answer["body"].encode()
        assert outcome(answer) == (sample.status, sample.code), name


def test_make_invoke(local):
    done = make("invoke", "EVENT=events/edit_direct_invoke.json")
    assert done.returncode == 0, done.stderr
    (picture,) = json.loads(done.stdout.splitlines()[-1])["data"]
    assert picture["b64_json"]
