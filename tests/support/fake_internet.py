"""A fake internet on one local socket, with scripted names, addresses, certificates and responses.

The connector sends every connection to this server and records the address that the client requested. TLS, timeouts
and HTTP are real. A script is a dict in the notation of tests/cases/ssrf_cases.json. The server uses the scripts in
order and repeats the last one.
"""

import errno
import gzip
import itertools
import socket
import ssl
import struct
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from PIL import Image

from retouch.infrastructure.fetch.connector import Connector, SocketConnection
from tests.support.certificates import client_tls_context, server_tls_context
from tests.support.images import encode_image, photo

GOOD_RESPONSE: dict[str, Any] = {
    "status": 200,
    "headers": {"content-type": "image/png"},
    "body": "png:8x8",
}
_ZEROS = bytes(65_536)


@dataclass
class RecordedRequest:
    """One recorded request. `server_name` is the TLS server name (SNI), or None without TLS."""

    target: str
    headers: dict[str, str]
    server_name: str | None


@dataclass
class CountingConnection:
    """A connection that counts the received bytes."""

    inner: SocketConnection
    received: int = 0

    def settimeout(self, value):
        self.inner.settimeout(value)

    def sendall(self, data):
        self.inner.sendall(data)

    def recv_into(self, buffer):
        size = self.inner.recv_into(buffer)
        self.received += size
        return size

    def close(self):
        self.inner.close()


@dataclass
class ScriptedResolver:
    """A scripted DNS resolver.

    `answers` maps a name to its successive answers; the last one repeats. "*" matches any other name.
    """

    answers: dict[str, Any]
    queries: list[Any] = field(default_factory=list)

    def __call__(self, name, seconds):
        self.queries.append(name)
        answers = self.answers.get(name, self.answers.get("*"))
        if answers is None:
            raise OSError("no such name")
        return answers[min(self.queries.count(name), len(answers)) - 1]


class FakeInternet:
    """A scripted internet, used as a context manager.

    Give `open_connection` to the fetcher. The server divides all scripted seconds by `speedup`.
    """

    def __init__(self, *scripts, speedup=1):
        self.scripts = list(scripts or [GOOD_RESPONSE])
        self.speedup = speedup
        self.connected_addresses, self.requests, self.connections = [], [], []
        self.closed = threading.Event()
        self.connector = Connector(client_tls_context, self.open_local_socket)

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self.accept_connections, daemon=True).start()
        return self

    def __exit__(self, *exc):
        self.closed.set()
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    @property
    def port(self):
        return self.listener.getsockname()[1]

    @property
    def received_bytes(self):
        """The number of bytes that the client received over the last connection."""
        return self.connections[-1].received

    def open_connection(self, *address):
        self.connections.append(CountingConnection(self.connector(*address)))
        return self.connections[-1]

    def open_local_socket(self, address, seconds):
        self.connected_addresses.append(address)
        if "connect_error" in self.scripts[0]:
            raise OSError(getattr(errno, self.next_script()["connect_error"]), "by script")
        return socket.create_connection(("127.0.0.1", self.port), seconds)

    def next_script(self):
        return self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]

    def accept_connections(self):
        with suppress(OSError):
            while True:
                client_socket, _ = self.listener.accept()
                script, (address, _) = self.next_script(), self.connected_addresses[-1]
                args = (client_socket, script, address)
                threading.Thread(target=self.serve_connection, args=args, daemon=True).start()

    def serve_connection(self, client_socket, script, address):
        with suppress(OSError), client_socket:
            client_socket.settimeout(20)
            server_names: list[str | None] = []
            connection = client_socket
            if client_socket.recv(1, socket.MSG_PEEK) == b"\x16":
                context = server_tls_context(script.get("tls", "good"), address, server_names)
                connection = context.wrap_socket(client_socket, server_side=True)
            with connection:
                if self.read_request(connection, server_names[0] if server_names else None):
                    self.write_response(connection, script)

    def read_request(self, connection, server_name):
        request_head = b""
        while b"\r\n\r\n" not in request_head and (received := connection.recv(4096)):
            request_head += received
        if not request_head:
            return False
        request_line, *lines = request_head.decode("latin-1").strip().split("\r\n")
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
        self.requests.append(RecordedRequest(request_line.split(" ")[1], headers, server_name))
        return True

    def write_response(self, connection, script):
        if "hang_s" in script:
            return self.closed.wait(script["hang_s"] / self.speedup)
        if "drip_headers" in script:
            return self.send_slowly(
                connection, itertools.chain(b"HTTP/1.1 200 OK\r\nx: ", itertools.repeat(97))
            )
        if "reset_after" in script:
            connection.sendall(
                response_bytes({**GOOD_RESPONSE, "body": "bytes:4096"})[: script["reset_after"]]
            )
            return reset_connection(connection)
        if "raw" in script:
            connection.sendall(script["raw"])
            return None if script.get("rude") else close_tls(connection)
        return self.send_body(connection, script)

    def send_body(self, connection, script):
        body = script["body"]
        if body.startswith("drip:"):
            connection.sendall(response_head(script))
            return self.send_slowly(connection, itertools.chain(photo(8, 8), itertools.repeat(0)))
        if body.startswith("stream:"):
            connection.sendall(response_head(script) + photo(8, 8))
            return [connection.sendall(_ZEROS) for _ in range(16_384)]
        connection.sendall(response_bytes(script))
        return close_tls(connection)

    def send_slowly(self, connection, data):
        for byte in data:
            connection.sendall(bytes([byte]))
            if self.closed.wait(1 / self.speedup):
                break


def close_tls(connection):
    """Send the TLS close_notify, so that the client knows that the response is complete."""
    if isinstance(connection, ssl.SSLSocket):
        connection.unwrap()


def reset_connection(connection):
    """Close the connection with RST, as a crashed server does."""
    linger = struct.pack("ii", 1, 0)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    connection.close()


def response_bytes(script):
    """Return the whole response.

    Add a Content-Length, unless the script sets one or sets Transfer-Encoding.
    """
    body = body_bytes(script["body"])
    header_names = {name.lower() for name, _ in header_pairs(script)}
    length = (
        []
        if header_names & {"content-length", "transfer-encoding"}
        else [("content-length", len(body))]
    )
    return response_head({**script, "headers_raw": header_pairs(script) + length}) + body


def response_head(script):
    lines = [
        f"HTTP/1.1 {script['status']} by script",
        *(f"{k}: {v}" for k, v in header_pairs(script)),
    ]
    # A line break inside a value is sent folded. Only then can a client see a line break in a header value.
    return "\r\n".join(line.replace("\r\n", "\r\n ") for line in [*lines, "", ""]).encode("utf-8")


def header_pairs(script):
    extra_headers = [(f"x-{n}", "a") for n in range(script.get("headers_count", 0))]
    return [
        *map(tuple, script.get("headers_raw", script.get("headers", {}).items())),
        *extra_headers,
    ]


def body_bytes(body_token):
    """Return the bytes for a body token. A token without a known prefix is text."""
    kind, _, size = body_token.partition(":")
    match kind:
        case "png":
            width, height = map(int, size.split("x"))
            return encode_image(Image.new("RGB", (width, height)))
        case "bytes":
            return b"\xa5" * int(size)
        case "gzip-zeros":
            return _gzip_bomb()
        case "gzip^3-zeros":
            return gzip.compress(gzip.compress(_gzip_bomb()))
        case "br-zeros":
            # the fetcher refuses the Content-Encoding header, so the data need not be Brotli
            return bytes(1_048_576)
    return body_token.encode()


@cache
def _gzip_bomb():
    """Return gzip data that inflates to 1 GiB: the same 16 MiB member 64 times."""
    return gzip.compress(bytes(16 * 1_048_576), 1) * 64
