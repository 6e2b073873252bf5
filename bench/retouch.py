"""Run Retouch as `make run` does: the development server in place of API Gateway, and one Lambda worker.

The server is a separate process, so that its CPU time counts neither for the worker nor for the load driver.
"""

import os
import select
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from bench import processes
from bench.coldstart import StartedTarget, Starter
from bench.paths import ROOT
from bench.process_usage import descendant_pids
from bench.processes import free_port, start_process
from bench.targets import API_KEY, BILLED_PART, RETOUCH, Target

LAYER_FOLDER = ROOT / "layers" / "retouch"
CODE_FOLDERS = (LAYER_FOLDER, ROOT / "functions", ROOT / "devserver")


def missing_code() -> str | None:
    """Return the reason when Retouch cannot run, or None."""
    absent = [str(folder.relative_to(ROOT)) for folder in CODE_FOLDERS if not any(folder.glob("*"))]
    return f"{', '.join(absent)} is empty" if absent else None


@contextmanager
def run_gateway(mock: str, extra_env: Mapping[str, str] | None = None) -> Iterator[Target]:
    """Run the server and its worker and yield the target when it listens. `extra_env` extends their environment."""
    port = free_port()
    env = server_environment(mock, port, extra_env or {})
    server = start_process([sys.executable, "-m", "devserver"], "retouch", env)
    parts = {BILLED_PART: lambda: descendant_pids(server.pid), "front": lambda: [server.pid]}
    target = Target(RETOUCH, f"http://127.0.0.1:{port}/v1", parts=parts)
    try:
        target.wait_until_listening()
        yield target
    finally:
        processes.stop_process(server)


@contextmanager
def cold_starter(mock: str) -> Iterator[Starter]:
    """Yield a starter of workers. It kills the worker, and the server starts a new one at once."""
    with run_gateway(mock) as target:

        @contextmanager
        def start() -> Iterator[StartedTarget]:
            for pid in target.parts[BILLED_PART]():
                _kill_and_wait(pid)
            yield StartedTarget(target, time.perf_counter())

        yield start


def server_environment(mock: str, port: int, extra_env: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the server: one worker, the mock provider and no bucket, because no link is signed."""
    path = [str(LAYER_FOLDER), str(ROOT), extra_env.get("PYTHONPATH", "")]
    return {
        **extra_env,
        "PORT": str(port),
        "PYTHONPATH": os.pathsep.join(filter(None, path)),
        # Python writes bytecode at the first start. A deployed layer contains bytecode too.
        "PYTHONDONTWRITEBYTECODE": "",
        "OPENAI_BASE_URL": f"{mock}/auto/v1",
        "OPENAI_API_KEY": API_KEY,
        "RETOUCH_BUCKET": "",
        "RETOUCH_LOCAL_WORKERS": "1",
        "RETOUCH_LOCAL_WORKERS_MIN": "1",
    }


def _kill_and_wait(pid: int) -> None:
    # The server starts the next worker as soon as the old one has ended.
    pid_descriptor = os.pidfd_open(pid)
    try:
        os.kill(pid, signal.SIGKILL)
        select.select([pid_descriptor], [], [])
    finally:
        os.close(pid_descriptor)
