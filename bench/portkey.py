"""Install and run the open-source Portkey gateway, with the versions of its lock file."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bench import processes
from bench.coldstart import StartedTarget, Starter
from bench.paths import LOGS, LOOPBACK_PRELOAD, PORTKEY
from bench.process_usage import tree_pids
from bench.processes import free_port, start_process
from bench.targets import PORTKEY as NAME
from bench.targets import Target

# Newer versions within the declared ranges return 500 for every successful edit.
MANIFEST: dict[str, Any] = {
    "name": "bench-peer",
    "private": True,
    "dependencies": {"@portkey-ai/gateway": "1.15.2"},
    "overrides": {"hono": "4.9.7", "@hono/node-server": "1.13.5", "@hono/node-ws": "1.2.0"},
}
INSTALL = ("npm", "install", "--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund")
SERVER = PORTKEY / "node_modules/@portkey-ai/gateway/build/start-server.js"


def install() -> str | None:
    """Install the gateway when it is missing. Return the reason when it cannot run, or None."""
    if not processes.has_commands("node", "npm"):
        return "Node and npm are not installed"
    manifest_text = json.dumps(MANIFEST, indent=1)
    manifest = PORTKEY / "package.json"
    if SERVER.exists() and manifest.read_text() == manifest_text:
        return None
    manifest.write_text(manifest_text)
    with (LOGS / "npm.log").open("wb") as out:
        completed = subprocess.run(INSTALL, cwd=PORTKEY, stdout=out, stderr=out, check=False)
    return None if SERVER.exists() and not completed.returncode else "npm install failed"


@contextmanager
def start_gateway(mock: str) -> Iterator[Target]:
    """Start a gateway, which may not listen yet, and end it by pid."""
    port = free_port()
    command = ["node", "--require", LOOPBACK_PRELOAD, SERVER, "--headless", f"--port={port}"]
    process = start_process(command, "portkey", {"NODE_ENV": "production"}, cwd=PORTKEY)
    try:
        yield _gateway_target(mock, port, process.pid)
    finally:
        processes.stop_process(process)


@contextmanager
def run_gateway(mock: str) -> Iterator[Target]:
    """Run a gateway and yield it when it listens."""
    with start_gateway(mock) as target:
        target.wait_until_listening()
        yield target


@contextmanager
def cold_starter(mock: str) -> Iterator[Starter]:
    """Yield a starter for cold starts. It needs no running process beforehand."""

    @contextmanager
    def start() -> Iterator[StartedTarget]:
        started_at = time.perf_counter()
        with start_gateway(mock) as target:
            yield StartedTarget(target, started_at)

    yield start


def _gateway_target(mock: str, port: int, pid: int) -> Target:
    # The custom host leads to the mock provider. Portkey trusts loopback hosts.
    headers = {"x-portkey-provider": "openai", "x-portkey-custom-host": f"{mock}/auto/v1"}
    return Target(NAME, f"http://127.0.0.1:{port}/v1", headers, {"gateway": lambda: tree_pids(pid)})
