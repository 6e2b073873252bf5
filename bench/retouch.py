"""Retouch as `make run` serves it: a front in API Gateway's place, and one Lambda worker behind it.

The front is a process of its own, so that its CPU is neither the worker's nor the load driver's.
"""

import os
import select
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from bench import children
from bench.children import free_port, spawn
from bench.coldstart import Start, Starter
from bench.paths import ROOT
from bench.targets import BILLED, KEY, RETOUCH, Target
from bench.usage import below

LAYER = ROOT / "layers" / "retouch"
CODE = (LAYER, ROOT / "functions", ROOT / "local")


def missing() -> str | None:
    """The reason when it cannot be run."""
    absent = [str(folder.relative_to(ROOT)) for folder in CODE if not any(folder.glob("*"))]
    return f"{', '.join(absent)} is empty" if absent else None


@contextmanager
def running(mock: str, also: Mapping[str, str] | None = None) -> Iterator[Target]:
    """A front and its worker, both ready; `also` is added to their environment."""
    port = free_port()
    env = environment(mock, port, also or {})
    front = spawn([sys.executable, "-m", "local"], "retouch", env)
    parts = {BILLED: lambda: below(front.pid), "front": lambda: [front.pid]}
    target = Target(RETOUCH, f"http://127.0.0.1:{port}/v1", parts=parts)
    try:
        target.wait()
        yield target
    finally:
        children.stop(front)


@contextmanager
def cold(mock: str) -> Iterator[Starter]:
    """A starter of workers: the front, which waits, replaces one that ends at once."""
    with running(mock) as target:

        @contextmanager
        def start() -> Iterator[Start]:
            for pid in target.parts[BILLED]():
                _end(pid)
            yield Start(target, time.perf_counter())

        yield start


def environment(mock: str, port: int, also: Mapping[str, str]) -> dict[str, str]:
    """One worker, the mock for a provider, and no store: nothing here answers with own links."""
    path = [str(LAYER), str(ROOT), also.get("PYTHONPATH", "")]
    return {
        **also,
        "PORT": str(port),
        "PYTHONPATH": os.pathsep.join(filter(None, path)),
        # Bytecode is kept from the first start on, as it lies in a deployed layer.
        "PYTHONDONTWRITEBYTECODE": "",
        "OPENAI_BASE_URL": f"{mock}/auto/v1",
        "OPENAI_API_KEY": KEY,
        "RETOUCH_BUCKET": "",
        "RETOUCH_LOCAL_WORKERS": "1",
        "RETOUCH_LOCAL_WORKERS_MIN": "1",
    }


def _end(pid: int) -> None:
    # The front starts the next worker at the very moment the old one is gone.
    watch = os.pidfd_open(pid)
    try:
        os.kill(pid, signal.SIGKILL)
        select.select([watch], [], [])
    finally:
        os.close(watch)
