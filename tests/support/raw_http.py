"""A server that sends exact bytes, and one request of the HTTP client, for tests of the client."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from typing import Self

_CONTENT_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


class RawServer:
    """A loopback server. Each connection sends one reply after each request that it has read.

    `connections` is the number of accepted connections, and `requests` has the bytes of every request. A reply of
    None closes the connection instead. `closes` says that a connection is closed after each reply.
    """

    def __init__(
        self,
        replies: Sequence[bytes | None],
        *,
        closes: bool = False,
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        self._replies, self._closes, self._tls = list(replies), closes, tls
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family)
        self.port = self._listener.getsockname()[1]
        self.requests: list[bytes] = []
        self.connections = 0
        self._threads: list[threading.Thread] = []
        name = f"[{host}]" if ":" in host else host
        self.url = f"{'https' if tls else 'http'}://{name}:{self.port}"

    def __enter__(self) -> Self:
        thread = threading.Thread(target=self._accept, daemon=True)
        thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                accepted, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(accepted,), daemon=True).start()

    def _serve(self, accepted: socket.socket) -> None:
        with contextlib.suppress(OSError), accepted:
            connection = (
                self._tls.wrap_socket(accepted, server_side=True) if self._tls else accepted
            )
            with connection:
                for request in _iter_requests(connection):
                    self.requests.append(request)
                    reply = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
                    if reply is None:
                        return
                    connection.sendall(reply)
                    if self._closes:
                        connection.shutdown(socket.SHUT_WR)
                        return


def _iter_requests(connection: socket.socket) -> Iterator[bytes]:
    data = b""
    while True:
        while b"\r\n\r\n" not in data:
            received = connection.recv(65_536)
            if not received:
                return
            data += received
        head, _, data = data.partition(b"\r\n\r\n")
        found = _CONTENT_LENGTH.search(head)
        length = int(found[1]) if found else 0
        while len(data) < length:
            received = connection.recv(65_536)
            if not received:
                return
            data += received
        yield head + b"\r\n\r\n" + data[:length]
        data = data[length:]


def send(client, url, method="GET", headers=None, body=(), *, read_seconds=5.0):
    """Send a request. Return the status, the headers and the whole body."""
    response = client.send(
        method, url, headers or {}, body, connect_seconds=5.0, read_seconds=read_seconds
    )
    try:
        return response.status, response.headers, b"".join(response.iter_body())
    finally:
        response.close()
