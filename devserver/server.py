"""The development server as a context manager, for tests and benchmarks."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any
from uuid import uuid4

import orjson
import uvloop

from devserver.invocation import Invocation
from devserver.settings import (
    ADMIN,
    MAX_PAYLOAD_BYTES,
    MIRROR,
    REPOSITORY,
    SWEEPER,
    WEBHOOKS,
    WORKER,
    DevServerSettings,
    Function,
    Timeouts,
    Workers,
)
from devserver.startup import RunningServer, run_server


class DevServer:
    """A development server that runs in a thread of this process, on a free port, while the context is open.

    The functions receive the environment of this process, updated with `env`.
    """

    def __init__(
        self,
        *,
        env: Mapping[str, str] | None = None,
        workers: int | Workers = 1,
        s3: bool = False,
        handler: str = "app.handler",
        task_root: Path = REPOSITORY / "functions" / "edits",
        worker_root: Path = WORKER.task_root,
        timeouts: Timeouts = Timeouts(),  # noqa: B008 - frozen
        sweep_seconds: float = 900.0,
    ) -> None:
        worker = replace(WORKER, task_root=worker_root)
        self._settings = DevServerSettings(
            functions=(
                Function("edits", task_root, handler),
                MIRROR,
                worker,
                WEBHOOKS,
                SWEEPER,
                ADMIN,
            ),
            environment={**os.environ, **(env or {})},
            s3=s3,
            workers=workers if isinstance(workers, Workers) else Workers(workers, workers),
            timeouts=timeouts,
            sweep_seconds=sweep_seconds,
        )
        self._ready: Future[RunningServer] = Future()
        self._thread = threading.Thread(target=self._run, name="gateway", daemon=True)

    @property
    def url(self) -> str:
        """The URL of the server, without a slash at the end."""
        return self._ready.result().url

    @property
    def pids(self) -> list[int]:
        """The ids of the current child processes."""
        return self._ready.result().pids

    def __enter__(self) -> DevServer:
        self._thread.start()
        self._ready.result()
        return self

    def invoke(self, function: str, event: object) -> Any:
        """Invoke a function directly with an event and return its response. Raises RequestFailed when it fails."""
        running = self._invoke(function, orjson.dumps(event))
        return orjson.loads(asyncio.run_coroutine_threadsafe(running, self._loop).result())

    async def _invoke(self, function: str, payload: bytes) -> bytes:
        (pool,) = [p for p in self._ready.result().pools if p.function.name == function]
        invocation = Invocation(str(uuid4()), "", payload)
        pool.submit(invocation)
        try:
            return await (await invocation.response).read_body(MAX_PAYLOAD_BYTES)
        finally:
            invocation.close()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        try:
            async with run_server(self._settings) as running:
                self._ready.set_result(running)
                await self._stop.wait()
        except BaseException as error:
            if self._ready.done():
                raise
            self._ready.set_exception(error)
