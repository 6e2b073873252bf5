"""Install and run the open-source Portkey gateway, with the versions of its lock file."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bench import processes
from bench.launcher import Launcher
from bench.paths import LOGS, LOOPBACK_PRELOAD, PORTKEY
from bench.process_usage import tree_pids
from bench.processes import start_process
from bench.targets import PORTKEY as NAME
from bench.targets import Target
from devserver.ports import unused_port

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


@dataclass(frozen=True)
class PortkeyLauncher(Launcher):
    """Starts gateways whose requests go to the mock provider."""

    mock: str

    @contextmanager
    def start_gateway(self) -> Iterator[Target]:
        """Start a gateway, which may not listen yet, and end it by pid."""
        port = unused_port()
        command = ["node", "--require", LOOPBACK_PRELOAD, SERVER, "--headless", f"--port={port}"]
        process = start_process(command, "portkey", {"NODE_ENV": "production"}, cwd=PORTKEY)
        try:
            yield self._target(port, process.pid)
        finally:
            processes.stop_process(process)

    def _target(self, port: int, pid: int) -> Target:
        # The custom host leads to the mock provider. Portkey trusts loopback hosts.
        headers = {"x-portkey-provider": "openai", "x-portkey-custom-host": f"{self.mock}/auto/v1"}
        parts = {"gateway": lambda: tree_pids(pid)}
        return Target(NAME, f"http://127.0.0.1:{port}/v1", headers, parts)
