"""Run Retouch: the development server in place of API Gateway, and one Lambda worker.

The server is a separate process, so that its CPU time counts neither for the worker nor for the load driver.
"""

import os
import select
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench import mock_aws, processes
from bench.coldstart import StartedTarget, Starter
from bench.launcher import Launcher
from bench.paths import ROOT
from bench.process_usage import descendant_pids
from bench.processes import start_process
from bench.targets import API_KEY, BILLED_PART, DEPLOYED, GATEWAY_KEY, RETOUCH, Target
from devserver.ports import unused_port

CODE_FOLDERS = ("layers/retouch", "functions", "devserver")
# No setting of the caller's environment may change the measured program.
_OWN_PREFIXES = ("RETOUCH_", "OPENAI_", "POWERTOOLS_")


@dataclass(frozen=True)
class Configuration:
    """A configuration to measure: its name, its settings, and the headers of its clients."""

    name: str
    env: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


# No gateway key, the provider key in the environment, and no store of usage: Portkey's gateway keeps none either.
OPEN = Configuration(
    RETOUCH,
    {
        "OPENAI_API_KEY": API_KEY,
        "RETOUCH_PEPPER": mock_aws.PEPPER,
        "RETOUCH_USAGE_FOLDER": "",
    },
)
# As template.yaml deploys it: secrets, gateway keys, tenants, circuits, orders, budgets and usage in AWS, and the
# keep-alive thread.
AS_DEPLOYED = Configuration(
    DEPLOYED,
    {
        "RETOUCH_AUTH_MODE": "keys",
        "RETOUCH_KEYS_TABLE": mock_aws.KEYS_TABLE,
        "RETOUCH_TENANTS_TABLE": mock_aws.TENANTS_TABLE,
        "RETOUCH_SECRET_ID": mock_aws.SECRET_ID,
        "RETOUCH_PEPPER_SECRET_ID": mock_aws.PEPPER_SECRET_ID,
        "RETOUCH_BREAKER_TABLE": mock_aws.BREAKER_TABLE,
        "RETOUCH_ORDERS_TABLE": mock_aws.ORDERS_TABLE,
        "RETOUCH_BUDGETS_TABLE": mock_aws.BUDGETS_TABLE,
        "RETOUCH_USAGE_TABLE": mock_aws.USAGE_TABLE,
        "RETOUCH_SILENCE_SECONDS": "240",
    },
    {"Authorization": f"Bearer {GATEWAY_KEY}"},
)


@dataclass(frozen=True)
class RetouchLauncher(Launcher):
    """Starts gateways of one checkout in one configuration, with the mock services as their network."""

    mock: str
    aws: str
    configuration: Configuration = OPEN
    root: Path = ROOT

    @contextmanager
    def start_gateway(self) -> Iterator[Target]:
        """Start the server and its worker, which may not listen yet, and end them by pid."""
        port = unused_port()
        server = start_process(
            [sys.executable, "-m", "devserver"], "retouch", self._environment(port), cwd=self.root
        )
        parts = {BILLED_PART: lambda: descendant_pids(server.pid), "front": lambda: [server.pid]}
        url = f"http://127.0.0.1:{port}/v1"
        try:
            yield Target(self.configuration.name, url, self.configuration.headers, parts)
        finally:
            processes.stop_process(server)

    @contextmanager
    def cold_starter(self) -> Iterator[Starter]:
        """Yield a starter of workers. It kills the worker, and the server starts a new one at once."""
        with self.run_gateway() as target:

            @contextmanager
            def start() -> Iterator[StartedTarget]:
                for pid in target.parts[BILLED_PART]():
                    _kill_and_wait(pid)
                yield StartedTarget(target, time.perf_counter())

            yield start

    def _environment(self, port: int) -> dict[str, str]:
        """Return the environment of the server. It has one worker, and its bucket is the mock's."""
        path = [str(self.root / "layers" / "retouch"), str(self.root)]
        extra_path = self.configuration.env.get("PYTHONPATH", "")
        # An empty value is the default.
        inherited = {name: "" for name in os.environ if name.startswith(_OWN_PREFIXES)}
        return {
            **inherited,
            **self.configuration.env,
            "PORT": str(port),
            "PYTHONPATH": os.pathsep.join(filter(None, [*path, extra_path])),
            # Python writes bytecode at the first start. A deployed layer contains bytecode too.
            "PYTHONDONTWRITEBYTECODE": "",
            "OPENAI_BASE_URL": f"{self.mock}/auto/v1",
            "RETOUCH_BUCKET": mock_aws.BUCKET,
            "AWS_ENDPOINT_URL": self.aws,
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "bench",
            "AWS_SECRET_ACCESS_KEY": "bench",
            "RETOUCH_LOCAL_WORKERS": "1",
            "RETOUCH_LOCAL_WORKERS_MIN": "1",
        }


def missing_code() -> str | None:
    """Return the reason when Retouch cannot run, or None."""
    absent = [folder for folder in CODE_FOLDERS if not any((ROOT / folder).glob("*"))]
    return f"{', '.join(absent)} is empty" if absent else None


def _kill_and_wait(pid: int) -> None:
    # The server starts the next worker as soon as the old one has ended.
    pid_descriptor = os.pidfd_open(pid)
    try:
        os.kill(pid, signal.SIGKILL)
        select.select([pid_descriptor], [], [])
    finally:
        os.close(pid_descriptor)
