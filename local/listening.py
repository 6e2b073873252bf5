"""uvicorn as a library: its protocol on sockets of ours, in an event loop of ours."""

from __future__ import annotations

import asyncio
import socket
import traceback
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

_BACKLOG = 1024


def bind(port: int = 0) -> socket.socket:
    """A loopback address, taken but not yet open to anybody."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind(("127.0.0.1", port))
    except OSError:
        sock.close()
        raise
    return sock


@asynccontextmanager
async def listening(app: Any, sockets: Iterable[socket.socket], idle: int) -> AsyncIterator[None]:
    """Serve an ASGI application; connections without a request are kept for `idle` seconds."""
    config = _config(app, idle)
    config.load()
    state = ServerState()

    def connection() -> HttpToolsProtocol:
        return HttpToolsProtocol(config, state, {})

    loop = asyncio.get_running_loop()
    servers: list[asyncio.Server] = []
    try:
        for sock in sockets:
            server = await loop.create_server(connection, sock=sock, backlog=_BACKLOG)
            servers += [server]
        yield
    finally:
        for server in servers:
            server.close()
        await _disconnect(state)


def _config(app: Any, idle: int) -> uvicorn.Config:
    return uvicorn.Config(
        _loud(app),
        http="httptools",
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="critical",  # to break off a stream is meant, not an accident
        access_log=False,
        proxy_headers=False,
        timeout_keep_alive=idle,
    )


def _loud(app: Any) -> Any:
    """The application with its own mistakes, and only those, printed."""

    async def call(scope: Any, receive: Any, send: Any) -> None:
        try:
            await app(scope, receive, send)
        except Exception:
            traceback.print_exc()
            raise

    return call


async def _disconnect(state: ServerState) -> None:
    """Break off: an answer made up now would claim to know how the work ended."""
    for connection in list(state.connections):
        connection.transport.abort()
    tasks = list(state.tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
