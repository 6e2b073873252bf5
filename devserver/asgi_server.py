"""Serve ASGI applications with uvicorn's protocol, on our own sockets and event loop."""

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

from devserver.error_responses import MALFORMED_REQUEST

_BACKLOG = 1024


class _Protocol(HttpToolsProtocol):
    """The protocol of uvicorn, with the error envelope of the gateway for a request that it cannot read."""

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - the name is uvicorn's
        error = MALFORMED_REQUEST
        fixed_headers = (
            (b"content-type", b"application/json"),
            (b"content-length", str(len(error.body)).encode()),
            (b"connection", b"close"),
        )
        lines = [b"%s: %s" % pair for pair in (*fixed_headers, *error.headers)]
        self.transport.write(b"\r\n".join((b"HTTP/1.1 400 Bad Request", *lines, b"", error.body)))
        self.transport.close()


@asynccontextmanager
async def serve_asgi(
    app: Any, sockets: Iterable[socket.socket], idle_seconds: int
) -> AsyncIterator[None]:
    """Serve an ASGI application on the sockets. Connections without a request stay open for `idle_seconds`."""
    config = _uvicorn_config(app, idle_seconds)
    config.load()
    state = ServerState()

    def create_protocol() -> _Protocol:
        return _Protocol(config, state, {})

    loop = asyncio.get_running_loop()
    servers: list[asyncio.Server] = []
    try:
        for sock in sockets:
            server = await loop.create_server(create_protocol, sock=sock, backlog=_BACKLOG)
            servers += [server]
        yield
    finally:
        for server in servers:
            server.close()
        await _abort_connections(state)


def _uvicorn_config(app: Any, idle_seconds: int) -> uvicorn.Config:
    return uvicorn.Config(
        _print_exceptions(app),
        http="httptools",
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="critical",  # Broken-off streams are intended, so uvicorn must not log them.
        access_log=False,
        proxy_headers=False,
        timeout_keep_alive=idle_seconds,
    )


def _print_exceptions(app: Any) -> Any:
    """Wrap the application so that its own exceptions, and only those, are printed."""

    async def call_app(scope: Any, receive: Any, send: Any) -> None:
        try:
            await app(scope, receive, send)
        except Exception:
            traceback.print_exc()
            raise

    return call_app


async def _abort_connections(state: ServerState) -> None:
    """Abort all connections without a response, because the outcome of the running work is unknown."""
    for connection in list(state.connections):
        connection.transport.abort()
    tasks = list(state.tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
