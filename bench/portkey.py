"""The Portkey gateway, open source edition, with the versions of its own lock."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bench import children
from bench.children import free_port, spawn
from bench.coldstart import Start, Starter
from bench.paths import LOGS, PORTKEY, PRELOAD
from bench.targets import PORTKEY as NAME
from bench.targets import Target
from bench.usage import tree

# A fresh resolve of the ranges answers every successful edit with 500.
MANIFEST: dict[str, Any] = {
    "name": "bench-peer",
    "private": True,
    "dependencies": {"@portkey-ai/gateway": "1.15.2"},
    "overrides": {"hono": "4.9.7", "@hono/node-server": "1.13.5", "@hono/node-ws": "1.2.0"},
}
INSTALL = ("npm", "install", "--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund")
SERVER = PORTKEY / "node_modules/@portkey-ai/gateway/build/start-server.js"


def install() -> str | None:
    """Install it if it is not there; the reason when it cannot be run."""
    if not children.found("node", "npm"):
        return "Node and npm are not installed"
    wanted = json.dumps(MANIFEST, indent=1)
    manifest = PORTKEY / "package.json"
    if SERVER.exists() and manifest.read_text() == wanted:
        return None
    manifest.write_text(wanted)
    with (LOGS / "npm.log").open("wb") as out:
        done = subprocess.run(INSTALL, cwd=PORTKEY, stdout=out, stderr=out, check=False)
    return None if SERVER.exists() and not done.returncode else "npm install failed"


@contextmanager
def starting(mock: str) -> Iterator[Target]:
    """A gateway that was just started and may not listen yet; ended by pid."""
    port = free_port()
    command = ["node", "--require", PRELOAD, SERVER, "--headless", f"--port={port}"]
    process = spawn(command, "portkey", {"NODE_ENV": "production"}, cwd=PORTKEY)
    try:
        yield _target(mock, port, process.pid)
    finally:
        children.stop(process)


@contextmanager
def running(mock: str) -> Iterator[Target]:
    """A gateway that listens."""
    with starting(mock) as target:
        target.wait()
        yield target


@contextmanager
def cold(mock: str) -> Iterator[Starter]:
    """A starter for cold starts; nothing has to wait beforehand."""

    @contextmanager
    def start() -> Iterator[Start]:
        begin = time.perf_counter()
        with starting(mock) as target:
            yield Start(target, begin)

    yield start


def _target(mock: str, port: int, pid: int) -> Target:
    # The custom host points it at the mock; it trusts loopback hosts.
    headers = {"x-portkey-provider": "openai", "x-portkey-custom-host": f"{mock}/auto/v1"}
    return Target(NAME, f"http://127.0.0.1:{port}/v1", headers, {"gateway": lambda: tree(pid)})
