"""A provider server on a real socket. It records requests, sends scripted responses and can fail as scripted."""

from __future__ import annotations

import json
import socket
import struct
import sys
import threading
import time
import weakref
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from multipart import PushMultipartParser, parse_options_header

# The name, file name, content type and bytes of one part of a multipart body.
Part = tuple[str, str | None, str | None, bytes]


@dataclass
class ReceivedRequest:
    """One recorded request. `parts` are the parts of a multipart body."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def parts(self) -> list[Part]:
        content_type, options = parse_options_header(self.headers.get("content-type", ""))
        if content_type != "multipart/form-data":
            return []
        collected: list[Part] = []
        data = b""
        with PushMultipartParser(options["boundary"], strict=True) as parser:
            for event in parser.parse(self.body):
                if isinstance(event, (bytes, bytearray)):
                    data += bytes(event)
                elif event is not None:
                    segment, data = event, b""
                else:
                    collected.append((segment.name, segment.filename, segment.content_type, data))
        return collected

    @property
    def fields(self) -> dict[str, str]:
        return {name: data.decode() for name, filename, _, data in self.parts if filename is None}

    @property
    def files(self) -> list[Part]:
        return [part for part in self.parts if part[1] is not None]

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class ScriptedResponse:
    """One scripted response.

    The server sends `chunks` one by one, `chunk_interval` seconds apart, as a stream. `delay` is the seconds before
    the response starts. A response with `may_start` starts when the test sets this event.
    `network_failure` is one of:
    "reset": the connection is reset before a response;
    "cut": the connection is reset in the middle of the response;
    "hang": the server waits for up to 60 seconds, then resets the connection;
    "early-reset": the connection is reset before the request body is read.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    chunks: Iterable[bytes] | None = None
    chunk_interval: float = 0.0
    delay: float = 0.0
    may_start: threading.Event | None = None
    network_failure: str = ""


def json_response(body: object, status: int = 200, **headers: str) -> ScriptedResponse:
    data = json.dumps(body).encode()
    return ScriptedResponse(status, data, {"content-type": "application/json", **headers})


def sse_response(*events: Mapping[str, Any], chunk_interval: float = 0.0) -> ScriptedResponse:
    chunks = [
        f"event: {e.get('type', 'error')}\ndata: {json.dumps(e)}\n\n".encode() for e in events
    ]
    return ScriptedResponse(
        headers={"content-type": "text/event-stream"}, chunks=chunks, chunk_interval=chunk_interval
    )


class UpstreamServer(ThreadingHTTPServer):
    """A server that stays silent when a client disconnects early, because many tests do that on purpose."""

    daemon_threads = True

    def handle_error(
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: object
    ) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Upstream:
    """A provider server, used as a context manager.

    It sends `responses` in order and repeats the last one. `files` maps a path to the bytes that a GET returns.
    """

    def __init__(self, *responses: ScriptedResponse) -> None:
        self.responses = list(responses)
        self.received: list[ReceivedRequest] = []
        self.files: dict[str, bytes] = {}
        self._delays_ended = threading.Event()
        upstream = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *args: object) -> None:
                pass

            def do_GET(self) -> None:
                upstream.download(self)

            def do_POST(self) -> None:
                upstream.serve(self)

            def do_PUT(self) -> None:
                upstream.serve(self)

        self.server = UpstreamServer(("127.0.0.1", 0), Handler)
        weakref.finalize(self, self.server.socket.close)  # also of one that is never entered
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self) -> Self:
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.end_delays()
        self.server.shutdown()
        self.server.server_close()

    def end_delays(self) -> None:
        """Send now what waits for its delay."""
        self._delays_ended.set()
        self._delays_ended = threading.Event()

    @property
    def calls(self) -> list[ReceivedRequest]:
        """The paid calls, which are the POST requests."""
        return [r for r in self.received if r.method == "POST"]

    def record_request(self, handler: BaseHTTPRequestHandler) -> ReceivedRequest:
        url = urlsplit(handler.path)
        body = handler.rfile.read(int(handler.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        query = dict(parse_qsl(url.query))
        received = ReceivedRequest(handler.command, url.path, query, headers, body)
        self.received.append(received)
        return received

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        response = self.responses.pop(0) if len(self.responses) > 1 else self.responses[0]
        if response.network_failure == "early-reset":
            handler.rfile.read(100)
            self.received.append(ReceivedRequest(handler.command, handler.path, {}, {}, b""))
            return reset_connection(handler)
        self.record_request(handler)
        return self.write_response(handler, response)

    def download(self, handler: BaseHTTPRequestHandler) -> None:
        self.record_request(handler)
        data = self.files.get(urlsplit(handler.path).path)
        if data is None:
            return self.write_response(handler, ScriptedResponse(404, b"no such file"))
        return self.write_response(
            handler, ScriptedResponse(200, data, {"content-type": "application/octet-stream"})
        )

    def write_response(self, handler: BaseHTTPRequestHandler, response: ScriptedResponse) -> None:
        if response.may_start:
            response.may_start.wait(60)
        if response.delay:
            self._delays_ended.wait(response.delay)
        if response.network_failure == "hang":
            self._delays_ended.wait(60)
        if response.network_failure in ("reset", "hang"):
            return reset_connection(handler)
        handler.send_response(response.status)
        for name, value in response.headers.items():
            handler.send_header(name, value)
        if response.chunks is not None:
            return self.write_chunks(handler, response, response.chunks)
        handler.send_header("content-length", str(len(response.body)))
        handler.end_headers()
        if response.network_failure == "cut":
            handler.wfile.write(response.body[: len(response.body) // 2])
            return reset_connection(handler)
        handler.wfile.write(response.body)
        return None

    def write_chunks(
        self, handler: BaseHTTPRequestHandler, response: ScriptedResponse, chunks: Iterable[bytes]
    ) -> None:
        handler.send_header("transfer-encoding", "chunked")
        handler.end_headers()
        for chunk in chunks:
            handler.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
            handler.wfile.flush()
            time.sleep(response.chunk_interval)
        if response.network_failure == "cut":
            return reset_connection(handler)
        handler.wfile.write(b"0\r\n\r\n")
        return None


def reset_connection(handler: BaseHTTPRequestHandler) -> None:
    """Close the connection with RST, as a crashed server does."""
    handler.close_connection = True
    linger = struct.pack("ii", 1, 0)
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    handler.connection.close()
