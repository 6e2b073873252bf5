"""A small HTTP/1.1 client for the Runtime API, on one keep-alive socket.

The standard clients import `email` and `ssl`, which would slow down every cold start.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping

Headers = Iterable[tuple[str, str]]

_MAX_COALESCED_BYTES = 65_536  # up to this size, a copy is cheaper than a second system call
_RECEIVE_BYTES = 65_536


class Disconnected(Exception):
    """The error of a peer that closed the connection or cannot be reached."""


class RuntimeApiResponse:
    """An HTTP response. Header names are in lower case."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes | bytearray) -> None:
        self.status = status
        self.headers = headers
        self.body = body


class RuntimeApiConnection:
    """The connection to the Runtime API. It runs one exchange at a time."""

    def __init__(self, address: str) -> None:
        host, _, port = address.partition(":")
        self._address = (host, int(port or 80))
        self._host = address
        self._socket: socket.socket | None = None
        self._buffer = b""  # received, not yet consumed

    def get(self, path: str) -> RuntimeApiResponse:
        """Send a GET. If the kept-alive socket turns out to be dead, send it again on a new socket."""
        was_open = self._socket is not None
        try:
            return self._get_once(path)
        except Disconnected:
            if not was_open:
                raise
            return self._get_once(path)

    def post(self, path: str, headers: Headers, body: bytes) -> RuntimeApiResponse:
        """Send a POST with a whole body."""
        length = ("Content-Length", str(len(body)))
        self._send(self._request_head("POST", path, (*headers, length)), body)
        return self._receive_response()

    def begin_stream(self, path: str, headers: Headers, *chunks: bytes) -> None:
        """Start a body of unknown length. Call `send_chunk` any number of times, then `end_stream`."""
        head = self._request_head("POST", path, (*headers, ("Transfer-Encoding", "chunked")))
        self._send(head, *(part for chunk in chunks for part in _encode_chunk(chunk)))

    def post_chunked(self, path: str, headers: Headers, *chunks: bytes) -> RuntimeApiResponse:
        """Send a complete body in chunked encoding, in one write. The other end then wakes up only once."""
        head = self._request_head("POST", path, (*headers, ("Transfer-Encoding", "chunked")))
        self._send(head, *(part for chunk in chunks for part in _encode_chunk(chunk)), b"0\r\n\r\n")
        return self._receive_response()

    def send_chunk(self, chunk: bytes) -> None:
        """Send one chunk now."""
        self._send(*_encode_chunk(chunk))

    def end_stream(self, trailers: Headers = ()) -> RuntimeApiResponse:
        """Finish the body that `begin_stream` started."""
        self._send(b"0\r\n" + _header_lines(trailers) + b"\r\n")
        return self._receive_response()

    def close(self) -> None:
        """Close the socket. The next exchange opens a new one."""
        if self._socket is not None:
            self._socket.close()
        self._socket, self._buffer = None, b""

    def _get_once(self, path: str) -> RuntimeApiResponse:
        self._send(self._request_head("GET", path, ()))
        return self._receive_response()

    def _request_head(self, method: str, path: str, headers: Headers) -> bytes:
        """Return the head of a request. Every request starts here, so a dead socket is closed here."""
        if self._socket is not None and not _is_open(self._socket):
            self.close()
        request_line = f"{method} {path} HTTP/1.1\r\nHost: {self._host}\r\n".encode()
        return request_line + _header_lines(headers) + b"\r\n"

    def _open_socket(self) -> socket.socket:
        if self._socket is None:
            self._socket = socket.create_connection(self._address)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._socket

    def _send(self, *pieces: bytes) -> None:
        """Send the parts in order. A large part is sent without copying it."""
        if sum(map(len, pieces)) <= _MAX_COALESCED_BYTES:
            pieces = (b"".join(pieces),)
        try:
            for piece in pieces:
                self._open_socket().sendall(piece)
        except OSError as error:
            self.close()
            raise Disconnected(str(error)) from None

    def _receive_response(self) -> RuntimeApiResponse:
        try:
            status, headers = _parse_head(self._read_until(b"\r\n\r\n"))
            body = self._read_body(headers)
        except OSError as error:
            self.close()
            raise Disconnected(str(error)) from None
        if headers.get("connection", "").lower() == "close":
            self.close()
        return RuntimeApiResponse(status, headers, body)

    def _read_body(self, headers: Mapping[str, str]) -> bytes | bytearray:
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return b"".join(self._read_chunks())
        return self._read_exactly(int(headers.get("content-length", 0)))

    def _read_chunks(self) -> Iterable[bytearray]:
        while size := int(self._read_until(b"\r\n").partition(b";")[0], 16):
            yield self._read_exactly(size)
            self._read_until(b"\r\n")
        while self._read_until(b"\r\n"):  # trailers
            pass

    def _read_until(self, delimiter: bytes) -> bytes:
        while (end := self._buffer.find(delimiter)) < 0:
            self._buffer += self._receive_bytes()
        data, self._buffer = self._buffer[:end], self._buffer[end + len(delimiter) :]
        return data

    def _receive_bytes(self) -> bytes:
        data = self._open_socket().recv(_RECEIVE_BYTES)
        if not data:
            raise ConnectionResetError("closed by the other end")
        return data

    def _read_exactly(self, size: int) -> bytearray:
        """Return `size` bytes, received directly into their final buffer."""
        body = bytearray(size)
        view = memoryview(body)
        filled = min(size, len(self._buffer))
        view[:filled], self._buffer = self._buffer[:filled], self._buffer[filled:]
        while filled < size:
            received = self._open_socket().recv_into(view[filled:])
            if not received:
                raise ConnectionResetError("closed by the other end")
            filled += received
        return body


def _encode_chunk(chunk: bytes) -> tuple[bytes, ...]:
    """Return the parts of an encoded chunk. An empty piece has none, because an empty chunk would end the body."""
    return (b"%x\r\n" % len(chunk), chunk, b"\r\n") if chunk else ()


def _header_lines(headers: Headers) -> bytes:
    return "".join([f"{name}: {value}\r\n" for name, value in headers]).encode("latin-1", "replace")


def _is_open(sock: socket.socket) -> bool:
    """Return whether the socket is open.

    Between exchanges the other end sends nothing, so readable data means a close.
    """
    try:
        sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _parse_head(head: bytes) -> tuple[int, dict[str, str]]:
    status_line, *lines = head.decode("latin-1").split("\r\n")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return int(status_line.split(" ", 2)[1]), headers
