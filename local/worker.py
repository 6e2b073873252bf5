"""One execution environment: a process that runs the function, one invocation at a time."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping

from local.events import ACCOUNT
from local.invocation import Invocation
from local.problems import FUNCTION_TIMEOUT
from local.settings import LAYER, Function

_STDERR = 2  # workers log where the gateway logs; its standard output has other readers


class Worker:
    """A process and what it is doing. Each has a Runtime API port of its own, as on Lambda."""

    def __init__(self, port: int, function: Function, environment: Mapping[str, str]) -> None:
        self.port = port
        self.ready = False  # has asked for work at least once
        self.poll: asyncio.Future[Invocation] | None = None  # set while it waits for work
        self.current: Invocation | None = None
        self.deadline = 0.0
        self.exited = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._name = function.name
        self.process = subprocess.Popen(
            [sys.executable, "-m", "retouch.runtime"],
            cwd=function.task_root,
            env=_lambda_environment(port, function, environment),
            stdin=subprocess.DEVNULL,
            stdout=_STDERR,
            start_new_session=True,  # Ctrl-C in a terminal is the gateway's to handle
        )

    def watch(self, on_exit: Callable[[Worker], None]) -> None:
        """Call `on_exit` in this event loop once the process has ended."""
        loop = asyncio.get_running_loop()

        def wait() -> None:
            self.process.wait()
            with contextlib.suppress(RuntimeError):  # the loop has ended before the process
                loop.call_soon_threadsafe(self._gone, on_exit)

        threading.Thread(target=wait, name=f"worker-{self.process.pid}", daemon=True).start()

    def assign(self, invocation: Invocation, seconds: float) -> None:
        """Give it work, and this long to do it."""
        self.current = invocation
        self.deadline = time.time() + seconds
        self._timer = asyncio.get_running_loop().call_later(seconds, self._time_out, seconds)

    def done(self) -> None:
        """Its answer is in; it will ask for more."""
        self.current = None
        self._stop_timer()

    def _time_out(self, seconds: float) -> None:
        print(f"{self._name}: task timed out after {seconds:.2f} seconds", file=sys.stderr)
        if self.current:
            self.current.fail(FUNCTION_TIMEOUT)
        self.process.kill()

    def _gone(self, on_exit: Callable[[Worker], None]) -> None:
        self._stop_timer()
        if self.poll:
            self.poll.cancel()
        self.exited.set()
        on_exit(self)

    def _stop_timer(self) -> None:
        if self._timer:
            self._timer.cancel()


def arn(function: str) -> str:
    """The function's name for the outside world."""
    return f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{function}"


def _lambda_environment(
    port: int, function: Function, environment: Mapping[str, str]
) -> dict[str, str]:
    """What Lambda sets, then what the caller set, then what only this worker can know."""
    path = environment.get("PYTHONPATH")
    return {
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "MALLOC_MMAP_THRESHOLD_": "33554432",  # as the layer's exec wrapper does
        "MALLOC_TRIM_THRESHOLD_": "134217728",
        "TZ": ":UTC",
        **environment,
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}",
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": f"local/{port}",
        "_HANDLER": function.handler,
        "LAMBDA_TASK_ROOT": str(function.task_root),
        "PYTHONPATH": f"{LAYER}:{path}" if path else str(LAYER),
    }
