"""The API Gateway side of the server: turns HTTP requests into invocations and returns the function's responses."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from email.utils import formatdate
from typing import Any
from uuid import uuid4

from devserver import error_responses, proxy_event, proxy_response, routes
from devserver.error_responses import ErrorResponse, RequestFailed
from devserver.invocation import FunctionResponse, Invocation, Receive
from devserver.proxy_response import ResponseHead
from devserver.routes import FunctionRoute
from devserver.settings import MAX_BODY_BYTES, MAX_PAYLOAD_BYTES, Timeouts
from devserver.worker_pool import WorkerPool

Scope = Mapping[str, Any]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]


class ApiGateway:
    """The ASGI application that receives the requests of clients."""

    def __init__(self, pools: Mapping[str, WorkerPool], timeouts: Timeouts) -> None:
        self._pools = pools
        self._timeouts = timeouts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        client = ClientConnection(scope, send)
        try:
            body = await _read_body(scope, receive)
            if body is not None:
                await self._invoke(client, body)
        except RequestFailed as failure:
            await client.send_error(failure.error)

    async def _invoke(self, client: ClientConnection, body: bytes) -> None:
        scope = client.scope
        path = scope["raw_path"].decode("latin-1")
        if not path.startswith("/"):  # such as "OPTIONS *"
            raise RequestFailed(error_responses.MALFORMED_REQUEST)
        route = routes.find_route(scope["method"], path)
        payload = proxy_event.encode_event(scope, body, route, client.request_id, client.trace_id)
        if len(payload) > MAX_PAYLOAD_BYTES:
            raise RequestFailed(error_responses.BODY_TOO_LARGE)
        invocation = Invocation(client.request_id, client.trace_id, payload)
        self._pools[route.function].submit(invocation)
        try:
            async with asyncio.timeout(self._timeout_seconds(route)):
                await _relay_response(route, await invocation.response, client)
        except TimeoutError:
            raise RequestFailed(error_responses.GATEWAY_TIMEOUT) from None
        finally:
            invocation.close()

    def _timeout_seconds(self, route: FunctionRoute) -> float:
        return self._timeouts.streamed if route.is_streamed else self._timeouts.buffered


class ClientConnection:
    """The connection to the client of one request, with the state of its response."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.scope = scope
        self.request_id = str(uuid4())
        self.trace_id = f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)}"
        self._send = send
        self._started = False

    async def send_head(self, head: ResponseHead) -> None:
        """Send the status and the headers."""
        self._started = True
        gateway_headers = (
            (b"date", formatdate(usegmt=True).encode()),
            (b"x-amzn-requestid", self.request_id.encode()),
            (b"x-amzn-trace-id", self.trace_id.encode()),
        )
        headers = [*head.headers, *gateway_headers]
        await self._send({"type": "http.response.start", "status": head.status, "headers": headers})

    async def send_chunk(self, data: bytes) -> None:
        """Send one chunk of the body at once."""
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def send_end(self, data: bytes = b"") -> None:
        """Send the last chunk."""
        await self._send({"type": "http.response.body", "body": data, "more_body": False})

    async def send_response(self, head: ResponseHead, body: bytes) -> None:
        """Send a whole response."""
        length = (b"content-length", str(len(body)).encode())
        await self.send_head(ResponseHead(head.status, (*head.headers, length)))
        await self.send_end(body)

    async def send_error(self, error: ErrorResponse) -> None:
        """Send an error response. Does nothing when a response has begun.

        The connection then breaks off, because a regular end would mark the response as complete.
        """
        if not self._started:
            kind = (b"content-type", b"application/json")
            await self.send_response(ResponseHead(error.status, (kind, *error.headers)), error.body)


async def _relay_response(
    route: FunctionRoute, response: FunctionResponse, client: ClientConnection
) -> None:
    if route.is_streamed and response.is_streamed:
        await _stream_response(response, client)
    else:
        body = await response.read_body(MAX_PAYLOAD_BYTES)
        parse = (
            proxy_response.parse_streamed_response
            if response.is_streamed
            else proxy_response.parse_buffered_response
        )
        await client.send_response(*parse(body))


async def _stream_response(response: FunctionResponse, client: ClientConnection) -> None:
    chunks = response.chunks()
    head, first_chunk = await proxy_response.read_prelude(chunks)
    await client.send_head(head)
    if first_chunk:
        await client.send_chunk(first_chunk)
    async for chunk in chunks:
        await client.send_chunk(chunk)
    await client.send_end()


async def _read_body(scope: Scope, receive: Receive) -> bytes | None:
    """Return the request body, or None when the client disconnected before its end.

    Raises RequestFailed when the body is over MAX_BODY_BYTES. uvicorn then reads the rest of the body, so a client
    that is still sending receives the response.
    """
    if int(dict(scope["headers"]).get(b"content-length", 0)) > MAX_BODY_BYTES:
        raise RequestFailed(error_responses.BODY_TOO_LARGE)
    chunks: list[bytes] = []
    size, more_body = 0, True
    while more_body:
        message = await receive()
        if message["type"] != "http.request":
            return None
        chunks.append(message["body"])
        size += len(message["body"])
        if size > MAX_BODY_BYTES:
            raise RequestFailed(error_responses.BODY_TOO_LARGE)
        more_body = message["more_body"]
    return b"".join(chunks)
