"""A function's workers: how many there are, and which of them gets the next invocation."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence

from local.invocation import Invocation
from local.problems import FUNCTION_FAILED, NOT_STARTED
from local.settings import Function
from local.worker import Worker

_LONGEST_PAUSE = 30.0
_PATIENCE = 2.0  # seconds between the polite and the impolite way to end a process


class Pool:
    """Grows when an invocation finds nobody idle, and does not spin when the function cannot start."""

    def __init__(
        self,
        function: Function,
        environment: Mapping[str, str],
        ports: Sequence[int],
        least: int,
        seconds: float,
    ) -> None:
        self.function = function
        self._environment = environment
        self._least = least
        self._seconds = seconds
        self.every_port = tuple(ports)
        self._ports = list(ports)  # those no worker uses
        self._workers: dict[int, Worker] = {}
        self._idle: list[Worker] = []  # the one used last is taken first: its caches are warm
        self._waiting: deque[Invocation] = deque()
        self._failures = 0
        self._not_before = 0.0
        self._settled = asyncio.Event()  # the first worker is ready, or will never be
        self._stopping = False

    @property
    def pids(self) -> list[int]:
        """The processes there are now."""
        return [worker.process.pid for worker in self._workers.values()]

    async def start(self) -> bool:
        """Start the least number of workers, which may be none; whether one of them got ready."""
        for _ in range(self._least):
            self._add()
        if self._least:
            await self._settled.wait()
        return self._failures == 0

    async def stop(self) -> None:
        """End every worker."""
        self._stopping = True
        workers = list(self._workers.values())
        for worker in workers:
            worker.process.terminate()
        try:
            async with asyncio.timeout(_PATIENCE):
                await _all_gone(workers)
        except TimeoutError:
            for worker in workers:
                worker.process.kill()
            await _all_gone(workers)

    def submit(self, invocation: Invocation) -> None:
        """Give the invocation to an idle worker, or to the next that has time."""
        while self._idle:
            worker = self._idle.pop()
            if worker.poll and not worker.poll.done():
                self._assign(worker, invocation)
                worker.poll.set_result(invocation)
                return
        self._waiting.append(invocation)
        self._grow()
        if not self._workers:
            self._fail_waiting()

    async def next(self, worker: Worker) -> Invocation:
        """What a worker gets when it asks for work, as soon as there is some."""
        self._is_ready(worker)
        while self._waiting:
            invocation = self._waiting.popleft()
            if not invocation.answer.done():
                self._assign(worker, invocation)
                return invocation
        worker.poll = asyncio.get_running_loop().create_future()
        self._idle.append(worker)
        return await worker.poll

    def at(self, port: int) -> Worker | None:
        """The worker whose Runtime API port this is."""
        return self._workers.get(port)

    def _assign(self, worker: Worker, invocation: Invocation) -> None:
        worker.assign(invocation, self._seconds)

    def _is_ready(self, worker: Worker) -> None:
        if not worker.ready:
            worker.ready = True
            self._failures = 0
            self._settled.set()

    def _grow(self) -> None:
        """Start one more worker, unless one that starts or has just answered is about to be idle."""
        soon = sum(worker.current is None for worker in self._workers.values())
        if len(self._waiting) > soon and time.monotonic() >= self._not_before:
            self._add()

    def _add(self) -> None:
        if self._ports and not self._stopping:
            worker = Worker(self._ports.pop(), self.function, self._environment)
            self._workers[worker.port] = worker
            worker.watch(self._gone)

    def _gone(self, worker: Worker) -> None:
        del self._workers[worker.port]
        self._ports.append(worker.port)
        if worker in self._idle:
            self._idle.remove(worker)
        if worker.current:
            worker.current.fail(FUNCTION_FAILED)
        if not worker.ready:
            self._never_started()
        elif len(self._workers) < self._least:
            self._add()
        else:
            self._grow()

    def _never_started(self) -> None:
        """Whoever asks during the pause is refused at once; whoever asks after it causes a new try."""
        if self._stopping:
            return
        pause = min(_LONGEST_PAUSE, 2.0**self._failures)
        self._failures += 1
        self._not_before = time.monotonic() + pause
        print(f"{self.function.name}: cannot start, next try in {pause:g} s", file=sys.stderr)
        self._settled.set()
        if not self._workers:
            self._fail_waiting()

    def _fail_waiting(self) -> None:
        while self._waiting:
            self._waiting.popleft().fail(NOT_STARTED)


async def _all_gone(workers: Sequence[Worker]) -> None:
    for worker in workers:
        await worker.exited.wait()
