"""The load driver's HTTP: one blocking keep-alive connection and as little Python as can be."""

import io
import socket
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

TIMEOUT_S = 60


@dataclass(frozen=True)
class Answer:
    """What came back, and how long it took from the first byte out to the last byte in."""

    status: int
    body: bytes
    seconds: float


class Connection:
    """A keep-alive connection to one loopback server; a closed one is opened again."""

    def __init__(self, base_url: str) -> None:
        url = urlsplit(base_url)
        if url.hostname != "127.0.0.1":
            raise ValueError("the bench talks to 127.0.0.1 only")
        self._address = (url.hostname, url.port or 80)
        self._socket: socket.socket | None = None
        self._reader: io.BufferedReader

    def send(self, head: bytes, body: bytes) -> Answer:
        """Send one prepared request and read its whole answer."""
        sock = self._socket or self._open()
        start = time.perf_counter()
        try:
            sock.sendall(head)
            sock.sendall(body)
            status, data, keep = read_answer(self._reader)
        except OSError:
            self.close()
            raise
        seconds = time.perf_counter() - start
        if not keep:
            self.close()
        return Answer(status, data, seconds)

    def close(self) -> None:
        """Let go of the socket."""
        if self._socket:
            self._reader.close()
            self._socket.close()
            self._socket = None

    def _open(self) -> socket.socket:
        self._socket = socket.create_connection(self._address, TIMEOUT_S)
        # While nobody listens there, a port of the ephemeral range can reach itself.
        if self._socket.getsockname() == self._socket.getpeername():
            self._socket.close()
            self._socket = None
            raise ConnectionRefusedError("nobody listens")
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = self._socket.makefile("rb")
        return self._socket


def read_answer(reader: io.BufferedIOBase) -> tuple[int, bytes, bool]:
    """Status, body and whether the connection lives on."""
    status = 100
    while status == 100:
        status, headers = _read_head(reader)
    keep = headers.get(b"connection", b"").lower() != b"close"
    if headers.get(b"transfer-encoding", b"").lower() == b"chunked":
        return status, _read_chunks(reader), keep
    if b"content-length" not in headers:
        return status, reader.read(), False
    return status, _read_exactly(reader, int(headers[b"content-length"])), keep


def _read_head(reader: io.BufferedIOBase) -> tuple[int, dict[bytes, bytes]]:
    first = reader.readline()
    if not first.startswith(b"HTTP/1."):
        raise ConnectionError("closed before an answer")
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
        raise ConnectionError("cut short")
    return data
