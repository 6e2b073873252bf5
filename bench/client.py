"""The HTTP client of the load driver: one blocking keep-alive connection with minimal Python code."""

import io
import select
import socket
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class Response:
    """A response, and the seconds from the first byte sent to the last byte received."""

    status: int
    body: bytes
    seconds: float


class Connection:
    """A keep-alive connection to one loopback server. It reconnects when the server has closed it."""

    def __init__(self, base_url: str) -> None:
        url = urlsplit(base_url)
        if url.hostname != "127.0.0.1":
            raise ValueError("The benchmark connects only to 127.0.0.1.")
        self._address = (url.hostname, url.port or 80)
        self._socket: socket.socket | None = None
        self._reader: io.BufferedReader

    def send(self, head: bytes, body: bytes) -> Response:
        """Send one prepared request and read its whole response."""
        if self._socket and _has_input(self._socket):
            self.close()  # Nothing was requested, so the input is the end of the connection.
        sock = self._socket or self._open()
        start = time.perf_counter()
        try:
            sock.sendall(head)
            sock.sendall(body)
            status, data, keep_alive = read_response(self._reader)
        except OSError:
            self.close()
            raise
        seconds = time.perf_counter() - start
        if not keep_alive:
            self.close()
        return Response(status, data, seconds)

    def close(self) -> None:
        """Close the socket."""
        if self._socket:
            self._reader.close()
            self._socket.close()
            self._socket = None

    def _open(self) -> socket.socket:
        self._socket = socket.create_connection(self._address, TIMEOUT_SECONDS)
        # While nothing listens, a socket on a port of the ephemeral range can connect to itself.
        if self._socket.getsockname() == self._socket.getpeername():
            self._socket.close()
            self._socket = None
            raise ConnectionRefusedError("nothing listens")
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = self._socket.makefile("rb")
        return self._socket


def _has_input(sock: socket.socket) -> bool:
    return bool(select.select([sock], [], [], 0)[0])


def read_response(reader: io.BufferedIOBase) -> tuple[int, bytes, bool]:
    """Return the status, the body and whether the connection stays open."""
    status = 100
    while status == 100:
        status, headers = _read_head(reader)
    keep_alive = headers.get(b"connection", b"").lower() != b"close"
    if headers.get(b"transfer-encoding", b"").lower() == b"chunked":
        return status, _read_chunks(reader), keep_alive
    if b"content-length" not in headers:
        return status, reader.read(), False
    return status, _read_exactly(reader, int(headers[b"content-length"])), keep_alive


def _read_head(reader: io.BufferedIOBase) -> tuple[int, dict[bytes, bytes]]:
    first = reader.readline()
    if not first.startswith(b"HTTP/1."):
        raise ConnectionError("closed before a response")
    headers = {}
    while (line := reader.readline()) not in (b"\r\n", b""):
        name, _, value = line.partition(b":")
        headers[name.lower()] = value.strip()
    return int(first.split(b" ", 2)[1]), headers


def _read_chunks(reader: io.BufferedIOBase) -> bytes:
    chunks = []
    while size := int(reader.readline().split(b";")[0] or b"0", 16):
        chunks.append(_read_exactly(reader, size))
        reader.readline()
    while reader.readline() not in (b"\r\n", b""):
        pass
    return b"".join(chunks)


def _read_exactly(reader: io.BufferedIOBase, size: int) -> bytes:
    data = reader.read(size)
    if len(data) != size:
        raise ConnectionError("the response was cut off")
    return data
