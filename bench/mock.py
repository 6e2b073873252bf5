"""A provider that costs almost nothing: reads the whole upload, answers from memory.

The path's first segment chooses the answer: /small/v1, /url/v1, /big/v1, or /auto/v1 for the one
last chosen with GET /use/<kind>, which spares a gateway with one fixed upstream a restart per cell.
"""

import argparse
import asyncio
import base64
import json
from pathlib import Path

import httptools
import uvloop

from bench.cells import BIG, SMALL, URL

PNG = b"\x89PNG\r\n\x1a\n"
EDITS = "/v1/images/edits"
USAGE = {"input_tokens": 300, "output_tokens": 1000, "total_tokens": 1300}


class Answers:
    """Everything the mock can say, encoded once."""

    def __init__(self, images: Path, port: int) -> None:
        small, big = ((images / name).read_bytes() for name in ("answer-20k.png", "answer-1m.png"))
        self.kind = SMALL
        self.counts = {"edits": 0, "refused": 0}
        self.file = respond(small, "image/png")
        self.edits = {
            SMALL: edit({"b64_json": base64.b64encode(small).decode()}),
            URL: edit({"url": f"http://127.0.0.1:{port}/file.png"}),
            BIG: edit({"b64_json": base64.b64encode(big).decode()}),
        }

    def post(self, path: str, body: bytes) -> bytes:
        """The answer to an upload; one that is cut or holds no picture is refused."""
        kind = path.strip("/").split("/", 1)[0]
        answer = self.edits.get(self.kind if kind == "auto" else kind)
        if answer is None or not path.endswith(EDITS) or not complete(body):
            self.counts["refused"] += 1
            return respond(b'{"error":{"message":"not an edit"}}', status="400 Bad Request")
        self.counts["edits"] += 1
        return answer

    def get(self, path: str) -> bytes:
        """The picture behind the URL answer, the counters, and the switch for /auto."""
        if path == "/file.png":
            return self.file
        if path.startswith("/use/"):
            self.kind = path.removeprefix("/use/")
        return respond(json.dumps(self.counts).encode())


def complete(body: bytes) -> bool:
    """True for a form that was closed by its own boundary and carries a PNG."""
    closing = body.split(b"\r\n", 1)[0] + b"--\r\n"
    return body.endswith(closing) and PNG in body


def edit(item: dict[str, str]) -> bytes:
    """OpenAI's answer to an edit, as bytes on the wire."""
    return respond(json.dumps({"created": 1, "data": [item], "usage": USAGE}).encode())


def respond(body: bytes, kind: str = "application/json", status: str = "200 OK") -> bytes:
    """One HTTP answer, head and body together."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Wire(asyncio.Protocol):
    """One connection; httptools calls the on_ methods."""

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self.parser = httptools.HttpRequestParser(self)
        self.transport: asyncio.Transport
        self.on_message_begin()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio's hook."""
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Asyncio's hook; what is not HTTP ends the connection."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.transport.close()

    def on_message_begin(self) -> None:
        """Forget the last request."""
        self.path = b""
        self.chunks: list[bytes] = []

    def on_url(self, part: bytes) -> None:
        """The path may come in pieces."""
        self.path += part

    def on_header(self, name: bytes, _value: bytes) -> None:
        """A client that asks first is told to go on."""
        if name.lower() == b"expect":
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, chunk: bytes) -> None:
        """Keep the upload."""
        self.chunks.append(chunk)

    def on_message_complete(self) -> None:
        """Answer."""
        path = self.path.decode("latin-1")
        if self.parser.get_method() == b"GET":
            self.transport.write(self.answers.get(path))
        else:
            self.transport.write(self.answers.post(path, b"".join(self.chunks)))


async def serve(images: Path) -> None:
    """Listen on a free loopback port and tell it on stdout."""
    loop = asyncio.get_running_loop()
    answers: list[Answers] = []
    server = await loop.create_server(lambda: Wire(answers[0]), "127.0.0.1", 0, backlog=64)
    port = server.sockets[0].getsockname()[1]
    answers.append(Answers(images, port))
    print(port, flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    cli = argparse.ArgumentParser()
    cli.add_argument("images", type=Path)
    uvloop.run(serve(cli.parse_args().images))
