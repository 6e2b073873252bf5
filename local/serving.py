"""Puts the gateway together, opens it when everything is ready, and takes it apart again."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from local.front import Front
from local.listening import bind, listening
from local.memory import keep_freed_blocks
from local.pool import Pool
from local.runtime_api import RuntimeApi
from local.s3 import S3
from local.settings import Function, Settings

_CLIENT_IDLE = 60
_WORKER_IDLE = 86_400  # a worker may think about one invocation for longer than any client waits


@dataclass(frozen=True, slots=True)
class Serving:
    """A running gateway."""

    url: str
    started: bool  # whether every function could be started
    pools: tuple[Pool, ...]
    s3: S3 | None

    @property
    def pids(self) -> list[int]:
        """Every child process."""
        own = [self.s3.process.pid] if self.s3 else []
        return [pid for pool in self.pools for pid in pool.pids] + own


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[Serving]:
    """A gateway for as long as the context lasts."""
    keep_freed_blocks()
    async with AsyncExitStack() as stack:
        door = stack.enter_context(bind(settings.port))
        s3 = _start_s3(stack) if settings.s3 else None
        environment = s3.environment(settings.environment) if s3 else settings.environment
        pools = await _open_pools(stack, settings, environment)
        started = await _all_ready(pools, s3)
        front = Front({pool.function.name: pool for pool in pools}, settings.limits)
        await stack.enter_async_context(listening(front, [door], _CLIENT_IDLE))
        yield Serving(f"http://127.0.0.1:{door.getsockname()[1]}", started, pools, s3)


def _start_s3(stack: AsyncExitStack) -> S3:
    s3 = S3()
    stack.callback(s3.stop)
    return s3


async def _open_pools(
    stack: AsyncExitStack, settings: Settings, environment: Mapping[str, str]
) -> tuple[Pool, ...]:
    """Pools with their Runtime API open, so that a worker finds it the moment it starts."""
    doors = {f: [bind() for _ in range(settings.workers.most)] for f in settings.functions}
    for door in (door for several in doors.values() for door in several):
        stack.enter_context(door)
    pools = tuple(_pool(f, several, settings, environment) for f, several in doors.items())
    every = [door for several in doors.values() for door in several]
    await stack.enter_async_context(listening(RuntimeApi(pools), every, _WORKER_IDLE))
    for pool in pools:
        stack.push_async_callback(pool.stop)
    return pools


def _pool(
    function: Function,
    doors: list[socket.socket],
    settings: Settings,
    environment: Mapping[str, str],
) -> Pool:
    ports = [door.getsockname()[1] for door in doors]
    least = 0 if function.lazy else settings.workers.least
    return Pool(function, environment, ports, least, settings.limits.function)


async def _all_ready(pools: tuple[Pool, ...], s3: S3 | None) -> bool:
    store = [s3.ready()] if s3 else []
    started = await asyncio.gather(*(pool.start() for pool in pools), *store)
    return False not in started
