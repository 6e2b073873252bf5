"""A small HTTP/1.1 client for the Runtime API, on one kept-alive socket.

The standard clients bring `email` and `ssl` with them, which a cold start has to pay for.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping

Headers = Iterable[tuple[str, str]]

_COALESCE = 65_536  # below this, one system call is cheaper than not copying
_RECEIVE = 65_536


class Disconnected(Exception):
    """The other end is gone, or never was there."""


class Reply:
    """An HTTP answer. Header names are lower-case."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes | bytearray) -> None:
        self.status = status
        self.headers = headers
        self.body = body


class Connection:
    """Everything this process says to the Runtime API, one exchange at a time."""

    def __init__(self, address: str) -> None:
        host, _, port = address.partition(":")
        self._address = (host, int(port or 80))
        self._host = address
        self._socket: socket.socket | None = None
        self._rest = b""  # received, not yet consumed

    def get(self, path: str) -> Reply:
        """Ask, and ask again on a new socket where the kept-alive one turns out to be dead."""
        kept_alive = self._socket is not None
        try:
            return self._get(path)
        except Disconnected:
            if not kept_alive:
                raise
            return self._get(path)

    def post(self, path: str, headers: Headers, body: bytes) -> Reply:
        """Send a whole body."""
        length = ("Content-Length", str(len(body)))
        self._send(self._head("POST", path, (*headers, length)), body)
        return self._receive()

    def begin(self, path: str, headers: Headers, *pieces: bytes) -> None:
        """Start a body of unknown length: `chunk` follows any number of times, then `end`."""
        head = self._head("POST", path, (*headers, ("Transfer-Encoding", "chunked")))
        self._send(head, *(part for piece in pieces for part in _chunk(piece)))

    def whole(self, path: str, headers: Headers, *pieces: bytes) -> Reply:
        """The same for a body that is all there: one write, and so one awakening at the other end."""
        head = self._head("POST", path, (*headers, ("Transfer-Encoding", "chunked")))
        self._send(head, *(part for piece in pieces for part in _chunk(piece)), b"0\r\n\r\n")
        return self._receive()

    def chunk(self, piece: bytes) -> None:
        """Send one piece now."""
        self._send(*_chunk(piece))

    def end(self, trailers: Headers = ()) -> Reply:
        """Finish the body that `begin` started."""
        self._send(b"0\r\n" + _lines(trailers) + b"\r\n")
        return self._receive()

    def close(self) -> None:
        """Drop the socket; the next exchange opens another."""
        if self._socket is not None:
            self._socket.close()
        self._socket, self._rest = None, b""

    def _get(self, path: str) -> Reply:
        self._send(self._head("GET", path, ()))
        return self._receive()

    def _head(self, method: str, path: str, headers: Headers) -> bytes:
        """The first piece of every request, and so the place to leave a dead socket behind."""
        if self._socket is not None and not _is_open(self._socket):
            self.close()
        start = f"{method} {path} HTTP/1.1\r\nHost: {self._host}\r\n".encode()
        return start + _lines(headers) + b"\r\n"

    def _open(self) -> socket.socket:
        if self._socket is None:
            self._socket = socket.create_connection(self._address)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._socket

    def _send(self, *pieces: bytes) -> None:
        """Pieces in order; a large one goes out from where it lies."""
        if sum(map(len, pieces)) <= _COALESCE:
            pieces = (b"".join(pieces),)
        try:
            for piece in pieces:
                self._open().sendall(piece)
        except OSError as error:
            self.close()
            raise Disconnected(str(error)) from None

    def _receive(self) -> Reply:
        try:
            status, headers = _parse_head(self._until(b"\r\n\r\n"))
            body = self._body(headers)
        except OSError as error:
            self.close()
            raise Disconnected(str(error)) from None
        if headers.get("connection", "").lower() == "close":
            self.close()
        return Reply(status, headers, body)

    def _body(self, headers: Mapping[str, str]) -> bytes | bytearray:
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return b"".join(self._chunks())
        return self._exactly(int(headers.get("content-length", 0)))

    def _chunks(self) -> Iterable[bytearray]:
        while size := int(self._until(b"\r\n").partition(b";")[0], 16):
            yield self._exactly(size)
            self._until(b"\r\n")
        while self._until(b"\r\n"):  # trailers
            pass

    def _until(self, mark: bytes) -> bytes:
        while (end := self._rest.find(mark)) < 0:
            self._rest += self._more()
        found, self._rest = self._rest[:end], self._rest[end + len(mark) :]
        return found

    def _more(self) -> bytes:
        data = self._open().recv(_RECEIVE)
        if not data:
            raise ConnectionResetError("closed by the other end")
        return data

    def _exactly(self, size: int) -> bytearray:
        """`size` bytes, received straight into the place where they stay."""
        body = bytearray(size)
        view = memoryview(body)
        filled = min(size, len(self._rest))
        view[:filled], self._rest = self._rest[:filled], self._rest[filled:]
        while filled < size:
            received = self._open().recv_into(view[filled:])
            if not received:
                raise ConnectionResetError("closed by the other end")
            filled += received
        return body


def _chunk(piece: bytes) -> tuple[bytes, ...]:
    """An empty piece would end the body, so it is nothing at all."""
    return (b"%x\r\n" % len(piece), piece, b"\r\n") if piece else ()


def _lines(headers: Headers) -> bytes:
    return "".join([f"{name}: {value}\r\n" for name, value in headers]).encode("latin-1", "replace")


def _is_open(sock: socket.socket) -> bool:
    """Between exchanges the other end has nothing to say; anything readable is its farewell."""
    try:
        sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _parse_head(head: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return int(first.split(" ", 2)[1]), headers
