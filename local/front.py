"""The client's side of the gateway: HTTP in, an event out, the function's answer back."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from email.utils import formatdate
from typing import Any
from uuid import uuid4

from local import events, problems, responses, routes
from local.invocation import Answer, Invocation, Receive
from local.pool import Pool
from local.problems import Failed, Problem
from local.responses import Head
from local.routes import Route
from local.settings import MAX_BODY, MAX_PAYLOAD, Limits

Scope = Mapping[str, Any]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]


class Front:
    """The ASGI application that clients talk to."""

    def __init__(self, pools: Mapping[str, Pool], limits: Limits) -> None:
        self._pools = pools
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        client = Client(scope, send)
        try:
            body = await _read(scope, receive)
            if body is not None:
                await self._invoke(client, body)
        except Failed as failed:
            await client.refuse(failed.problem)

    async def _invoke(self, client: Client, body: bytes) -> None:
        scope = client.scope
        route = routes.find(scope["method"], scope["raw_path"].decode("latin-1"))
        payload = events.encode(scope, body, route, client.request_id, client.trace_id)
        if len(payload) > MAX_PAYLOAD:
            raise Failed(problems.BODY_TOO_LARGE)
        invocation = Invocation(client.request_id, client.trace_id, payload)
        self._pools[route.function].submit(invocation)
        try:
            async with asyncio.timeout(self._patience(route)):
                await _relay(route, await invocation.answer, client)
        except TimeoutError:
            raise Failed(problems.GATEWAY_TIMEOUT) from None
        finally:
            invocation.close()

    def _patience(self, route: Route) -> float:
        return self._limits.streamed if route.streamed else self._limits.buffered


class Client:
    """Who asked, and what has been said so far."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.scope = scope
        self.request_id = str(uuid4())
        self.trace_id = f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)}"
        self._send = send
        self._started = False

    async def start(self, head: Head) -> None:
        """Send status and headers."""
        self._started = True
        own = (
            (b"date", formatdate(usegmt=True).encode()),
            (b"x-amzn-requestid", self.request_id.encode()),
            (b"x-amzn-trace-id", self.trace_id.encode()),
        )
        headers = [*head.headers, *own]
        await self._send({"type": "http.response.start", "status": head.status, "headers": headers})

    async def write(self, data: bytes) -> None:
        """Send a piece of the body now."""
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self, data: bytes = b"") -> None:
        """Send the last piece."""
        await self._send({"type": "http.response.body", "body": data, "more_body": False})

    async def respond(self, head: Head, body: bytes) -> None:
        """Send a whole response."""
        length = (b"content-length", str(len(body)).encode())
        await self.start(Head(head.status, (*head.headers, length)))
        await self.end(body)

    async def refuse(self, problem: Problem) -> None:
        """Answer with an error, or break off where a response has begun: an end would be a lie."""
        if not self._started:
            kind = (b"content-type", b"application/json")
            await self.respond(Head(problem.status, (kind, *problem.headers)), problem.body)


async def _relay(route: Route, answer: Answer, client: Client) -> None:
    if route.streamed and answer.streamed:
        await _stream(answer, client)
    else:
        whole = await answer.whole(MAX_PAYLOAD)
        read = responses.from_stream if answer.streamed else responses.from_document
        await client.respond(*read(whole))


async def _stream(answer: Answer, client: Client) -> None:
    pieces = answer.pieces()
    head, rest = await responses.read_prelude(pieces)
    await client.start(head)
    if rest:
        await client.write(rest)
    async for piece in pieces:
        await client.write(piece)
    await client.end()


async def _read(scope: Scope, receive: Receive) -> bytes | None:
    """The request's body, or None when the client hung up before its end.

    uvicorn reads on where we stop, so whoever is still sending gets to see the answer.
    """
    if int(dict(scope["headers"]).get(b"content-length", 0)) > MAX_BODY:
        raise Failed(problems.BODY_TOO_LARGE)
    pieces: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return None
        pieces.append(message["body"])
        size += len(message["body"])
        if size > MAX_BODY:
            raise Failed(problems.BODY_TOO_LARGE)
        more = message["more_body"]
    return b"".join(pieces)
