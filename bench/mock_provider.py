"""A mock provider with minimal cost: it reads the whole upload and responds from memory.

The first path segment selects the response: /small/v1, /url/v1 or /big/v1. /auto/v1 uses the kind that GET /use/<kind>
selected last, so that a gateway with one fixed upstream needs no restart for each scenario.
"""

import argparse
import asyncio
import base64
import json
from pathlib import Path

import httptools
import uvloop

from bench.scenarios import BIG, SMALL, URL

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
EDITS_PATH = "/v1/images/edits"
USAGE = {"input_tokens": 300, "output_tokens": 1000, "total_tokens": 1300}


class MockResponses:
    """All responses of the mock provider, encoded once."""

    def __init__(self, images: Path, port: int) -> None:
        small, big = ((images / name).read_bytes() for name in ("answer-20k.png", "answer-1m.png"))
        self.selected_kind = SMALL
        self.counts = {"edits": 0, "refused": 0}
        self.file_response = http_response(small, "image/png")
        self.edit_responses = {
            SMALL: edit_response({"b64_json": base64.b64encode(small).decode()}),
            URL: edit_response({"url": f"http://127.0.0.1:{port}/file.png"}),
            BIG: edit_response({"b64_json": base64.b64encode(big).decode()}),
        }

    def respond_to_post(self, path: str, body: bytes) -> bytes:
        """Return the response to an upload. An upload that is cut off or has no image gets a 400."""
        kind = path.strip("/").split("/", 1)[0]
        response = self.edit_responses.get(self.selected_kind if kind == "auto" else kind)
        if response is None or not path.endswith(EDITS_PATH) or not is_complete(body):
            self.counts["refused"] += 1
            return http_response(b'{"error":{"message":"not an edit"}}', status="400 Bad Request")
        self.counts["edits"] += 1
        return response

    def respond_to_get(self, path: str) -> bytes:
        """Return the image behind the result URL or the counters. /use/<kind> selects the response of /auto."""
        if path == "/file.png":
            return self.file_response
        if path.startswith("/use/"):
            self.selected_kind = path.removeprefix("/use/")
        return http_response(json.dumps(self.counts).encode())


def is_complete(body: bytes) -> bool:
    """Return True when the form ends with its own boundary and contains a PNG."""
    closing = body.split(b"\r\n", 1)[0] + b"--\r\n"
    return body.endswith(closing) and PNG_SIGNATURE in body


def edit_response(item: dict[str, str]) -> bytes:
    """Return the bytes of OpenAI's HTTP response to an edit."""
    return http_response(json.dumps({"created": 1, "data": [item], "usage": USAGE}).encode())


def http_response(
    body: bytes, content_type: str = "application/json", status: str = "200 OK"
) -> bytes:
    """Return the bytes of one HTTP response, head and body."""
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class MockProtocol(asyncio.Protocol):
    """The protocol of one connection. httptools calls the on_ methods."""

    def __init__(self, responses: MockResponses) -> None:
        self.responses = responses
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
        self.chunks: list[bytes] = []

    def on_url(self, part: bytes) -> None:
        """Collect the path, which may arrive in several parts."""
        self.path += part

    def on_header(self, name: bytes, _value: bytes) -> None:
        """Send 100 Continue to a client that expects it."""
        if name.lower() == b"expect":
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, chunk: bytes) -> None:
        """Collect the body."""
        self.chunks.append(chunk)

    def on_message_complete(self) -> None:
        """Send the response."""
        path = self.path.decode("latin-1")
        if self.parser.get_method() == b"GET":
            self.transport.write(self.responses.respond_to_get(path))
        else:
            self.transport.write(self.responses.respond_to_post(path, b"".join(self.chunks)))


async def serve(images: Path) -> None:
    """Listen on a free loopback port and print it to stdout."""
    loop = asyncio.get_running_loop()
    responses: list[MockResponses] = []
    server = await loop.create_server(
        lambda: MockProtocol(responses[0]), "127.0.0.1", 0, backlog=64
    )
    port = server.sockets[0].getsockname()[1]
    responses.append(MockResponses(images, port))
    print(port, flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    cli = argparse.ArgumentParser()
    cli.add_argument("images", type=Path)
    uvloop.run(serve(cli.parse_args().images))
