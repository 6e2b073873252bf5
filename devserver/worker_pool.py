"""The worker processes of a function: starts them and assigns invocations to them."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence

from devserver.error_responses import FUNCTION_FAILED, FUNCTION_NOT_STARTED
from devserver.invocation import Invocation
from devserver.settings import Function
from devserver.worker import Worker

_MAX_PAUSE_SECONDS = 30.0
_STOP_TIMEOUT_SECONDS = 2.0  # Seconds between SIGTERM and SIGKILL.


class WorkerPool:
    """Starts another worker when none is idle, and pauses between attempts when the function cannot start."""

    def __init__(
        self,
        function: Function,
        environment: Mapping[str, str],
        ports: Sequence[int],
        min_workers: int,
        timeout_seconds: float,
    ) -> None:
        self.function = function
        self._environment = environment
        self._min_workers = min_workers
        self._timeout_seconds = timeout_seconds
        self.all_ports = tuple(ports)
        self._free_ports = list(ports)  # Ports that no worker uses.
        self._workers: dict[int, Worker] = {}
        # The last used worker is taken first, because its caches are warm.
        self._idle: list[Worker] = []
        self._waiting: deque[Invocation] = deque()
        self._failures = 0
        self._next_start_at = 0.0
        # Set when the first worker is ready or has failed to start.
        self._first_start_decided = asyncio.Event()
        self._stopping = False

    @property
    def pids(self) -> list[int]:
        """The ids of the current worker processes."""
        return [worker.process.pid for worker in self._workers.values()]

    async def start(self) -> bool:
        """Start the minimum number of workers, which may be 0. Return False when they failed to start."""
        for _ in range(self._min_workers):
            self._start_worker()
        if self._min_workers:
            await self._first_start_decided.wait()
        return self._failures == 0

    async def stop(self) -> None:
        """End every worker."""
        self._stopping = True
        workers = list(self._workers.values())
        for worker in workers:
            worker.process.terminate()
        try:
            async with asyncio.timeout(_STOP_TIMEOUT_SECONDS):
                await _wait_for_exits(workers)
        except TimeoutError:
            for worker in workers:
                worker.process.kill()
            await _wait_for_exits(workers)

    def submit(self, invocation: Invocation) -> None:
        """Assign the invocation to an idle worker, or queue it for the next free one."""
        while self._idle:
            worker = self._idle.pop()
            if worker.pending_poll and not worker.pending_poll.done():
                self._assign(worker, invocation)
                worker.pending_poll.set_result(invocation)
                return
        self._waiting.append(invocation)
        self._start_worker_if_needed()
        if not self._workers:
            self._fail_waiting()

    async def next_invocation(self, worker: Worker) -> Invocation:
        """Return the next invocation for a worker that polls, as soon as there is one."""
        self._mark_ready(worker)
        while self._waiting:
            invocation = self._waiting.popleft()
            if not invocation.response.done():
                self._assign(worker, invocation)
                return invocation
        worker.pending_poll = asyncio.get_running_loop().create_future()
        self._idle.append(worker)
        return await worker.pending_poll

    def worker_on_port(self, port: int) -> Worker | None:
        """Return the worker that uses this Runtime API port, or None."""
        return self._workers.get(port)

    def _assign(self, worker: Worker, invocation: Invocation) -> None:
        worker.assign(invocation, self._timeout_seconds)

    def _mark_ready(self, worker: Worker) -> None:
        if not worker.is_ready:
            worker.is_ready = True
            self._failures = 0
            self._first_start_decided.set()

    def _start_worker_if_needed(self) -> None:
        """Start another worker when there are more queued invocations than workers that are about to become idle."""
        soon_idle = sum(worker.current_invocation is None for worker in self._workers.values())
        if len(self._waiting) > soon_idle and time.monotonic() >= self._next_start_at:
            self._start_worker()

    def _start_worker(self) -> None:
        if self._free_ports and not self._stopping:
            worker = Worker(self._free_ports.pop(), self.function, self._environment)
            self._workers[worker.port] = worker
            worker.watch_exit(self._on_worker_exit)

    def _on_worker_exit(self, worker: Worker) -> None:
        del self._workers[worker.port]
        self._free_ports.append(worker.port)
        if worker in self._idle:
            self._idle.remove(worker)
        if worker.current_invocation:
            worker.current_invocation.fail(FUNCTION_FAILED)
        if not worker.is_ready:
            self._on_start_failure()
        elif len(self._workers) < self._min_workers:
            self._start_worker()
        else:
            self._start_worker_if_needed()

    def _on_start_failure(self) -> None:
        """Start a pause. Invocations during the pause fail at once; the first one after it starts a new worker."""
        if self._stopping:
            return
        pause = min(_MAX_PAUSE_SECONDS, 2.0**self._failures)
        self._failures += 1
        self._next_start_at = time.monotonic() + pause
        print(f"{self.function.name}: cannot start, next attempt in {pause:g} s", file=sys.stderr)
        self._first_start_decided.set()
        if not self._workers:
            self._fail_waiting()

    def _fail_waiting(self) -> None:
        while self._waiting:
            self._waiting.popleft().fail(FUNCTION_NOT_STARTED)


async def _wait_for_exits(workers: Sequence[Worker]) -> None:
    for worker in workers:
        await worker.exited.wait()
