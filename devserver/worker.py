"""One execution environment: a process that runs the function for one invocation at a time."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping

from devserver.error_responses import FUNCTION_TIMEOUT
from devserver.invocation import Invocation
from devserver.proxy_event import ACCOUNT_ID
from devserver.settings import LAYER_FOLDER, Function

# Workers log to the stderr of the server, because its stdout has other readers.
_STDERR_DESCRIPTOR = 2


class Worker:
    """A worker process and its state. Each worker has its own Runtime API port, as on Lambda."""

    def __init__(self, port: int, function: Function, environment: Mapping[str, str]) -> None:
        self.port = port
        self.is_ready = False  # Whether it has polled at least once.
        self.pending_poll: asyncio.Future[Invocation] | None = None  # Set while it waits for work.
        self.current_invocation: Invocation | None = None
        self.deadline = 0.0
        self.exited = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._name = function.name
        self.process = subprocess.Popen(
            [sys.executable, "-m", "retouch.infrastructure.lambda_runtime"],
            cwd=function.task_root,
            env=_lambda_environment(port, function, environment),
            stdin=subprocess.DEVNULL,
            stdout=_STDERR_DESCRIPTOR,
            start_new_session=True,  # The server alone handles Ctrl-C in a terminal.
        )

    def watch_exit(self, on_exit: Callable[[Worker], None]) -> None:
        """Call `on_exit` in this event loop when the process has ended."""
        loop = asyncio.get_running_loop()

        def wait() -> None:
            self.process.wait()
            with contextlib.suppress(RuntimeError):  # The loop has ended before the process.
                loop.call_soon_threadsafe(self._on_exit, on_exit)

        threading.Thread(target=wait, name=f"worker-{self.process.pid}", daemon=True).start()

    def assign(self, invocation: Invocation, timeout_seconds: float) -> None:
        """Assign an invocation, with this many seconds until its timeout."""
        self.current_invocation = invocation
        self.deadline = time.time() + timeout_seconds
        self._timer = asyncio.get_running_loop().call_later(
            timeout_seconds, self._on_timeout, timeout_seconds
        )

    def finish_invocation(self) -> None:
        """Mark the invocation as finished. The worker polls for the next one."""
        self.current_invocation = None
        self._stop_timer()

    def _on_timeout(self, seconds: float) -> None:
        print(f"{self._name}: task timed out after {seconds:.2f} seconds", file=sys.stderr)
        if self.current_invocation:
            self.current_invocation.fail(FUNCTION_TIMEOUT)
        self.process.kill()

    def _on_exit(self, on_exit: Callable[[Worker], None]) -> None:
        self._stop_timer()
        if self.pending_poll:
            self.pending_poll.cancel()
        self.exited.set()
        on_exit(self)

    def _stop_timer(self) -> None:
        if self._timer:
            self._timer.cancel()


def function_arn(function: str) -> str:
    """Return the ARN of the function."""
    return f"arn:aws:lambda:us-east-1:{ACCOUNT_ID}:function:{function}"


def _lambda_environment(
    port: int, function: Function, environment: Mapping[str, str]
) -> dict[str, str]:
    """Return the variables that Lambda sets, overridden by `environment`, then by those of this worker."""
    path = environment.get("PYTHONPATH")
    return {
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "MALLOC_MMAP_THRESHOLD_": "33554432",  # As in the layer's exec wrapper.
        "MALLOC_TRIM_THRESHOLD_": "134217728",
        "MALLOC_ARENA_MAX": "1",
        "TZ": ":UTC",
        **environment,
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}",
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": f"local/{port}",
        "_HANDLER": function.handler,
        "LAMBDA_TASK_ROOT": str(function.task_root),
        "PYTHONPATH": f"{LAYER_FOLDER}:{path}" if path else str(LAYER_FOLDER),
    }
