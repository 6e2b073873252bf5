"""A provider on a real socket: records what it receives, answers by script, misbehaves on request."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from multipart import PushMultipartParser, parse_options_header


@dataclass
class Received:
    """One request as it arrived. `parts` are (name, filename, content type, bytes) of a multipart body."""

    method: str
    path: str
    query: dict
    headers: dict
    body: bytes

    @property
    def parts(self):
        kind, options = parse_options_header(self.headers.get("content-type", ""))
        if kind != "multipart/form-data":
            return []
        found, current = [], None
        with PushMultipartParser(options["boundary"], strict=True) as parser:
            for event in parser.parse(self.body):
                if isinstance(event, (bytes, bytearray)):
                    current[3] += bytes(event)
                elif event is not None:
                    current = [event.name, event.filename, event.content_type, b""]
                else:
                    found.append(tuple(current))
        return found

    @property
    def fields(self):
        return {name: data.decode() for name, filename, _, data in self.parts if filename is None}

    @property
    def files(self):
        return [part for part in self.parts if part[1] is not None]

    def json(self):
        return json.loads(self.body)


@dataclass
class Answer:
    """What to answer. `pieces` are sent one by one with `gap` seconds between, as a stream would be."""

    status: int = 200
    body: bytes = b""
    headers: dict = field(default_factory=dict)
    pieces: list | None = None
    gap: float = 0.0
    delay: float = 0.0
    fault: str = (
        ""  # "reset" before an answer, "cut" in the middle, "hang", "early-reset" unread body
    )


def as_json(body, status=200, **headers):
    data = json.dumps(body).encode()
    return Answer(status, data, {"content-type": "application/json", **headers})


def as_events(*events, gap=0.0):
    frames = [
        f"event: {e.get('type', 'error')}\ndata: {json.dumps(e)}\n\n".encode() for e in events
    ]
    return Answer(headers={"content-type": "text/event-stream"}, pieces=frames, gap=gap)


class Upstream:
    """Use as a context manager. `answers` are used in order; the last one repeats."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.received: list[Received] = []
        self.files: dict[str, bytes] = {}
        self.gone = threading.Event()
        upstream = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *args):
                pass

            def do_GET(self):
                upstream.download(self)

            def do_POST(self):
                upstream.serve(self)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self):
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.gone.set()
        self.server.shutdown()
        self.server.server_close()

    @property
    def calls(self):
        """Paid calls: the POSTs."""
        return [r for r in self.received if r.method == "POST"]

    def record(self, handler):
        url = urlsplit(handler.path)
        body = handler.rfile.read(int(handler.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        query = dict(parse_qsl(url.query))
        received = Received(handler.command, url.path, query, headers, body)
        self.received.append(received)
        return received

    def serve(self, handler):
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer.fault == "early-reset":
            handler.rfile.read(100)
            self.received.append(Received(handler.command, handler.path, {}, {}, b""))
            return reset(handler)
        self.record(handler)
        return self.answer(handler, answer)

    def download(self, handler):
        self.record(handler)
        data = self.files.get(urlsplit(handler.path).path)
        if data is None:
            return self.answer(handler, Answer(404, b"no such file"))
        return self.answer(handler, Answer(200, data, {"content-type": "application/octet-stream"}))

    def answer(self, handler, answer):
        if answer.delay:
            self.gone.wait(answer.delay)
        if answer.fault == "hang":
            self.gone.wait(60)
        if answer.fault in ("reset", "hang"):
            return reset(handler)
        handler.send_response(answer.status)
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        if answer.pieces is not None:
            return self.stream(handler, answer)
        handler.send_header("content-length", str(len(answer.body)))
        handler.end_headers()
        if answer.fault == "cut":
            handler.wfile.write(answer.body[: len(answer.body) // 2])
            return reset(handler)
        handler.wfile.write(answer.body)
        return None

    def stream(self, handler, answer):
        handler.send_header("transfer-encoding", "chunked")
        handler.end_headers()
        for piece in answer.pieces:
            handler.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            handler.wfile.flush()
            time.sleep(answer.gap)
        if answer.fault == "cut":
            return reset(handler)
        handler.wfile.write(b"0\r\n\r\n")
        return None


def reset(handler):
    """Close with RST, as a crashed server does."""
    handler.close_connection = True
    linger = struct.pack("ii", 1, 0)
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    handler.connection.close()


def closed_port():
    """A port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
