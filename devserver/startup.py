"""Start the parts of the development server, open its port when all are ready, and stop them in the end."""

from __future__ import annotations

import asyncio
import errno
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from devserver.allocator import keep_freed_blocks
from devserver.api_gateway import ApiGateway
from devserver.asgi_server import serve_asgi
from devserver.inbox_watcher import InboxWatcher, prepare_inbox
from devserver.job_poller import (
    DEAD_LETTERS,
    DELIVERIES_DEAD_LETTERS,
    JOBS_QUEUE,
    LINES_QUEUE,
    JobPoller,
)
from devserver.ports import bind_listener
from devserver.runtime_api import RuntimeApi
from devserver.s3 import LocalS3
from devserver.schedule import run_schedule
from devserver.settings import SWEEPER, WEBHOOKS, WORKER, DevServerSettings, Function
from devserver.tenants import tenants_environment
from devserver.worker_pool import WorkerPool
from retouch.infrastructure.local.job_folder import EditsFolderQueue
from retouch.infrastructure.local.webhook_folder import DELIVERIES_QUEUE

_CLIENT_IDLE_SECONDS = 60
# A worker may work on one invocation for longer than any client waits.
_WORKER_IDLE_SECONDS = 86_400
_LEASE_MARGIN_SECONDS = 60  # as in the settings of the functions
_MAX_DELIVERY_RECEIVES = 100  # as in the template
_UNUSABLE_ADDRESS = {
    errno.EADDRINUSE: "Port {port} is taken. Set another: PORT=8788 make run",
    errno.EACCES: "Port {port} needs administrator rights on this machine. Set another: PORT=8788 make run",
    errno.EADDRNOTAVAIL: "HOST is '{host}', which is not an address of this machine. Leave HOST out, or set "
    "HOST=0.0.0.0 for all its addresses.",
    errno.EAFNOSUPPORT: "HOST is '{host}', and this machine has no IPv6. Leave HOST out, or set HOST=0.0.0.0 for "
    "all its addresses.",
}
_S3_PORT_TAKEN = (
    "warning: port {port} is taken, so the links to results work only until this server stops. "
    "To choose another port: RETOUCH_LOCAL_S3_PORT=9900 make run"
)


class UnusableAddress(Exception):
    """The server cannot listen at its address. The text says why and what to set."""


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A running development server."""

    url: str
    functions_started: bool  # Whether every function could be started.
    pools: tuple[WorkerPool, ...]
    s3: LocalS3 | None

    @property
    def pids(self) -> list[int]:
        """The ids of all child processes."""
        own = [self.s3.process.pid] if self.s3 else []
        return [pid for pool in self.pools for pid in pool.pids] + own


@asynccontextmanager
async def run_server(settings: DevServerSettings) -> AsyncIterator[RunningServer]:
    """Run a development server while the context is open. Raises UnusableAddress."""
    keep_freed_blocks()
    async with AsyncExitStack() as stack:
        listener = stack.enter_context(_bind_address(settings))
        s3 = _start_s3(stack, settings) if settings.s3 else None
        # Every worker has its own memory, so the workers share the orders through a folder.
        # A process that is ending may still write there when the folder is removed.
        orders_folder = stack.enter_context(
            tempfile.TemporaryDirectory(prefix="retouch-", ignore_cleanup_errors=True)
        )
        # A poller that was cancelled may still read its queue in a thread.
        stack.push_async_callback(asyncio.get_running_loop().shutdown_default_executor)
        url = f"http://{settings.url_host}:{listener.getsockname()[1]}"
        defaults = {
            "RETOUCH_ORDERS_FOLDER": orders_folder,
            "RETOUCH_USAGE_FOLDER": orders_folder,
            "RETOUCH_BASE_URL": url,
            "RETOUCH_EDITS_DEAD_LETTERS": DEAD_LETTERS,
            "RETOUCH_BATCHES_QUEUE": LINES_QUEUE,
            "RETOUCH_WEBHOOKS_DEAD_LETTERS": DELIVERIES_DEAD_LETTERS,
        }
        environment = {**defaults, **settings.environment}
        for name in ("RETOUCH_ORDERS_FOLDER", "RETOUCH_USAGE_FOLDER"):
            Path(environment[name]).mkdir(parents=True, exist_ok=True)
        environment = tenants_environment(environment, orders_folder)
        environment = s3.environment(environment) if s3 else environment
        pools = await _open_pools(stack, settings, environment)
        functions_started = await _start_functions(pools, s3)
        if not environment.get("RETOUCH_ORDERS_TABLE"):
            _start_pollers(stack, settings, environment, pools)
            sweeping = run_schedule(_pool_of(SWEEPER, pools), settings.sweep_seconds)
            stack.callback(asyncio.create_task(sweeping).cancel)
            _start_inbox(stack, environment)
        api_gateway = ApiGateway({pool.function.name: pool for pool in pools}, settings.timeouts)
        await stack.enter_async_context(serve_asgi(api_gateway, [listener], _CLIENT_IDLE_SECONDS))
        yield RunningServer(url, functions_started, pools, s3)


def _bind_address(settings: DevServerSettings) -> socket.socket:
    try:
        return bind_listener(settings.port, settings.host)
    except OSError as error:
        raise UnusableAddress(address_problem(error, settings.host, settings.port)) from error


def address_problem(error: OSError, host: str, port: int) -> str:
    """Return why the server cannot listen at an address, and the remedy."""
    text = _UNUSABLE_ADDRESS.get(
        error.errno or 0, "Port {port} of HOST '{host}' cannot be used: {reason}."
    )
    return text.format(host=host, port=port, reason=error.strerror)


def _start_s3(stack: AsyncExitStack, settings: DevServerSettings) -> LocalS3:
    """Start the local S3. When its port is taken, it gets another one, and its links end with it."""
    try:
        s3 = LocalS3(settings.s3_port, settings.s3_folder)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        print(_S3_PORT_TAKEN.format(port=settings.s3_port), file=sys.stderr, flush=True)
        s3 = LocalS3(0, settings.s3_folder)
    stack.callback(s3.stop)
    return s3


async def _open_pools(
    stack: AsyncExitStack, settings: DevServerSettings, environment: Mapping[str, str]
) -> tuple[WorkerPool, ...]:
    """Create the pools and open their Runtime API first, so that a worker can connect as soon as it starts."""
    listeners = {
        f: [bind_listener() for _ in range(settings.workers.max_count)] for f in settings.functions
    }
    for listener in (
        listener for function_listeners in listeners.values() for listener in function_listeners
    ):
        stack.enter_context(listener)
    pools = tuple(
        _create_pool(f, function_listeners, settings, environment)
        for f, function_listeners in listeners.items()
    )
    all_listeners = [
        listener for function_listeners in listeners.values() for listener in function_listeners
    ]
    await stack.enter_async_context(
        serve_asgi(RuntimeApi(pools), all_listeners, _WORKER_IDLE_SECONDS)
    )
    for pool in pools:
        stack.push_async_callback(pool.stop)
    return pools


def _start_pollers(
    stack: AsyncExitStack,
    settings: DevServerSettings,
    environment: Mapping[str, str],
    pools: tuple[WorkerPool, ...],
) -> None:
    """Read the local queues until the server stops. Half of the workers may make lines of batches."""
    folder, max_jobs = environment["RETOUCH_ORDERS_FOLDER"], settings.workers.max_count
    margin = float(environment.get("RETOUCH_LEASE_MARGIN_SECONDS") or _LEASE_MARGIN_SECONDS)
    visibility = settings.timeouts.function + margin
    for name, limit in ((JOBS_QUEUE, max_jobs), (LINES_QUEUE, max(1, max_jobs // 2))):
        poller = JobPoller(
            name, EditsFolderQueue(folder, name), _pool_of(WORKER, pools), visibility, limit
        )
        stack.callback(asyncio.create_task(poller.run()).cancel)
    deliveries = JobPoller(
        DELIVERIES_QUEUE,
        EditsFolderQueue(folder, DELIVERIES_QUEUE),
        _pool_of(WEBHOOKS, pools),
        visibility,
        max_jobs,
        DELIVERIES_DEAD_LETTERS,
        _MAX_DELIVERY_RECEIVES,
    )
    stack.callback(asyncio.create_task(deliveries.run()).cancel)


def _pool_of(function: Function, pools: tuple[WorkerPool, ...]) -> WorkerPool:
    (pool,) = [pool for pool in pools if pool.function.name == function.name]
    return pool


def _start_inbox(stack: AsyncExitStack, environment: Mapping[str, str]) -> None:
    """Watch the local inbox until the server stops, if there is one."""
    folder = environment.get("RETOUCH_INBOX")
    if folder:
        prepare_inbox(Path(folder))
        queue = EditsFolderQueue(environment["RETOUCH_ORDERS_FOLDER"])
        task = asyncio.create_task(InboxWatcher(Path(folder), queue).run())
        stack.callback(task.cancel)


def _create_pool(
    function: Function,
    listeners: list[socket.socket],
    settings: DevServerSettings,
    environment: Mapping[str, str],
) -> WorkerPool:
    ports = [listener.getsockname()[1] for listener in listeners]
    min_workers = 0 if function.lazy else settings.workers.min_count
    return WorkerPool(function, environment, ports, min_workers, settings.timeouts.function)


async def _start_functions(pools: tuple[WorkerPool, ...], s3: LocalS3 | None) -> bool:
    s3_starts = [s3.wait_until_ready()] if s3 else []
    started = await asyncio.gather(*(pool.start() for pool in pools), *s3_starts)
    return False not in started
