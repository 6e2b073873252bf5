"""A loopback HTTP server with minimal cost: it reads a whole request and responds from memory."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

import httptools
import uvloop


class MockRequest(NamedTuple):
    """A request. `operation` is the value of x-amz-target, which names the operation of an AWS service."""

    method: bytes
    path: str
    operation: str
    body: bytes


class MockResponse(NamedTuple):
    """The bytes of a response, and how long the server waits before it sends them."""

    data: bytes
    wait_seconds: float = 0.0


Respond = Callable[[MockRequest], MockResponse]


def http_response(
    body: bytes, content_type: str = "application/json", status: str = "200 OK", headers: str = ""
) -> bytes:
    """Return the bytes of one HTTP response, head and body. `headers` are whole header lines."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
    return f"{head}{headers}\r\n".encode() + body


class MockProtocol(asyncio.Protocol):
    """The protocol of one connection. httptools calls the on_ methods."""

    def __init__(self, respond: Respond) -> None:
        self.respond = respond
        self.parser = httptools.HttpRequestParser(self)
        self.transport: asyncio.Transport
        self.on_message_begin()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport. Asyncio calls this."""
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Parse received data and close the connection when it is not HTTP. Asyncio calls this."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.transport.close()

    def on_message_begin(self) -> None:
        """Reset the state of the previous request."""
        self.path = b""
        self.operation = ""
        self.chunks: list[bytes] = []

    def on_url(self, part: bytes) -> None:
        """Collect the path, which may arrive in several parts."""
        self.path += part

    def on_header(self, name: bytes, value: bytes) -> None:
        """Store the AWS operation. Send 100 Continue to a client that expects it."""
        name = name.lower()
        if name == b"expect":
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        elif name == b"x-amz-target":
            self.operation = value.decode("latin-1")

    def on_body(self, chunk: bytes) -> None:
        """Collect the body."""
        self.chunks.append(chunk)

    def on_message_complete(self) -> None:
        """Send the response, at once or after its wait."""
        request = MockRequest(
            self.parser.get_method(),
            self.path.decode("latin-1"),
            self.operation,
            b"".join(self.chunks),
        )
        response = self.respond(request)
        if response.wait_seconds:
            loop = asyncio.get_running_loop()
            loop.call_later(response.wait_seconds, self.transport.write, response.data)
        else:
            self.transport.write(response.data)


def run_server(create_responder: Callable[[int], Respond]) -> None:
    """Listen on a free loopback port and print it to stdout. `create_responder` receives the port."""
    uvloop.run(_serve(create_responder))


async def _serve(create_responder: Callable[[int], Respond]) -> None:
    responders: list[Respond] = []
    server = await asyncio.get_running_loop().create_server(
        lambda: MockProtocol(responders[0]), "127.0.0.1", 0, backlog=64
    )
    port = server.sockets[0].getsockname()[1]
    responders.append(create_responder(port))
    print(port, flush=True)
    await server.serve_forever()
