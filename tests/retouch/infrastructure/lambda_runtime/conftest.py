"""The Runtime API on a real socket, and the real runtime loop as a process that uses it."""

import contextlib
import os
import queue
import socketserver
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import orjson
import pytest

LAYER = Path(__file__).parents[4] / "layers" / "retouch"
TIMEOUT_SECONDS = 20


@dataclass
class PostedResponse:
    """One response or error report that the loop posted."""

    path: str
    headers: dict[str, str]
    pieces: list[tuple[float, bytes]] = field(default_factory=list)  # (time, bytes)
    trailers: dict[str, str] = field(default_factory=dict)

    @property
    def body(self):
        return b"".join(piece for _, piece in self.pieces)

    @property
    def json(self):
        return orjson.loads(self.body)

    @property
    def prelude(self):
        return orjson.loads(self.body.partition(b"\0" * 8)[0])

    @property
    def payload(self):
        return self.body.partition(b"\0" * 8)[2]


class RuntimeApiServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    api: "FakeRuntimeApi"


class RuntimeApiHandler(socketserver.StreamRequestHandler):
    server: RuntimeApiServer
    disable_nagle_algorithm = True

    def handle(self):
        with contextlib.suppress(ConnectionError):  # the loop was stopped
            self.serve_requests()

    def serve_requests(self):
        while line := self.rfile.readline():
            method, path, _ = line.decode().split(" ")
            self.server.api.connections.add(self.client_address)
            keep_open = self.handle_get(path) if method == "GET" else self.handle_post(path)
            if not keep_open:
                return

    def read_header_fields(self):
        fields = {}
        while line := self.rfile.readline().decode("latin-1").strip():
            name, _, value = line.partition(":")
            fields[name.lower()] = value.strip()
        return fields

    def respond(self, status, headers, *pieces):
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.wfile.write(f"HTTP/1.1 {status} OK\r\n{head}\r\n".encode())
        for piece in pieces:
            self.wfile.write(piece)

    def handle_get(self, path):
        self.read_header_fields()
        api = self.server.api
        api.requested_paths.append(path)
        if path.endswith("/restore/next"):
            self.respond(200, {"Content-Length": 0})
            return True
        request_id, event, extra = api.events.get()
        if request_id is None:
            return False
        headers = {
            "Lambda-Runtime-Aws-Request-Id": request_id,
            "Lambda-Runtime-Invoked-Function-Arn": "arn:f",
            "Lambda-Runtime-Deadline-Ms": int((time.time() + 60) * 1000),
            **extra,
        }
        if api.chunked_events:
            parts = [event[i : i + 1000] for i in range(0, len(event), 1000)]
            framed = [b"%x\r\n%b\r\n" % (len(part), part) for part in parts]
            self.respond(200, {**headers, "Transfer-Encoding": "chunked"}, *framed, b"0\r\n\r\n")
        else:
            self.respond(200, {**headers, "Content-Length": len(event)}, event)
        return not api.drop_after_next

    def handle_post(self, path):
        post = PostedResponse(path, self.read_header_fields())
        if "chunked" not in post.headers.get("transfer-encoding", ""):
            length = int(post.headers["content-length"])
            post.pieces.append((time.monotonic(), self.rfile.read(length)))
        elif not self.read_chunks(post):
            self.server.api.posts.put(post)
            return False
        self.respond(202, {"Content-Length": 2}, b"{}")
        self.server.api.posts.put(post)
        return True

    def read_chunks(self, post):
        while size := int(self.rfile.readline(), 16):
            post.pieces.append((time.monotonic(), self.rfile.read(size)))
            self.rfile.readline()
            if len(post.pieces) == self.server.api.hang_up_after:
                self.server.api.hang_up_after = 0
                return False
        post.trailers = self.read_header_fields()
        return True


class FakeRuntimeApi:
    def __init__(self, folder):
        self.folder = folder
        self.events: queue.Queue[tuple[str | None, bytes, dict[str, str]]] = queue.Queue()
        self.posts: queue.Queue[PostedResponse] = queue.Queue()
        self.requested_paths = []
        self.connections = set()
        self.chunked_events = self.drop_after_next = False
        self.hang_up_after = 0
        self.process: subprocess.Popen[bytes] | None = None
        self.server = RuntimeApiServer(("127.0.0.1", 0), RuntimeApiHandler)
        self.server.api = self
        threading.Thread(target=self.server.serve_forever, args=[0.01], daemon=True).start()

    def start(self, source, command=(), **env):
        (self.folder / "app.py").write_text(source)
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "RETOUCH_"))}
        self.process = subprocess.Popen(
            command or [sys.executable, "-m", "retouch.infrastructure.lambda_runtime"],
            cwd=self.folder,
            env={
                **inherited,
                "PYTHONPATH": str(LAYER),
                "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self.server.server_address[1]}",
                "AWS_LAMBDA_FUNCTION_NAME": "edits",
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
                "_HANDLER": "app.handler",
                "LAMBDA_TASK_ROOT": str(self.folder),
                **env,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        return self

    def queue(self, event, request_id="1", **headers):
        body = event if isinstance(event, bytes) else orjson.dumps(event)
        self.events.put((request_id, body, headers))

    def next_post(self):
        return self.posts.get(timeout=TIMEOUT_SECONDS)

    def send(self, event, request_id="1", **headers):
        self.queue(event, request_id, **headers)
        return self.next_post()

    def stop(self):
        """Stop the process and return what it printed."""
        assert self.process is not None
        self.process.terminate()
        out, err = self.process.communicate(timeout=TIMEOUT_SECONDS)
        return out.decode(), err.decode()

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
        self.events.put((None, b"", {}))
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def api(tmp_path):
    api = FakeRuntimeApi(tmp_path)
    yield api
    api.close()


@pytest.fixture
def http_event():
    return {"httpMethod": "POST", "path": "/", "requestContext": {}, "body": None}
