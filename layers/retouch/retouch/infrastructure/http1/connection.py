"""One connection: a socket, and the bytes that were received and not used yet."""

from __future__ import annotations

import re
import select
import socket
import ssl
from functools import lru_cache
from math import inf
from time import monotonic

from retouch.infrastructure.http1.errors import (
    ConnectFailed,
    InvalidResponse,
    TruncatedResponse,
)
from retouch.infrastructure.http1.origin import Origin

_RECEIVE_BYTES = 262_144
_HEAD_RECEIVE_BYTES = 65_536
_MAX_HEAD_BYTES = 65_536
_HEAD_END = re.compile(rb"\n\r?\n")
_LINE_END = re.compile(rb"\n")


class Connection:
    """A connection that serves one exchange at a time."""

    __slots__ = ("_end", "_position", "_received", "_socket")

    def __init__(self, connected_socket: socket.socket) -> None:
        self._socket = connected_socket
        self._received, self._position = b"", 0  # The bytes before the position were used.
        self._end = inf

    def limit_time(self, seconds: float) -> None:
        """Set the seconds that the next exchange may take in total."""
        self._end = monotonic() + seconds

    def send(self, data: bytes) -> None:
        """Send all the data. Raises OSError."""
        self._limit_wait()
        self._socket.sendall(data)

    def read_head(self) -> bytes:
        """Return the lines before the next empty line. Raises OSError."""
        return self._read_until(_HEAD_END)

    def read_line(self) -> bytes:
        """Return the next line without its end. Raises OSError."""
        return self._read_until(_LINE_END).rstrip(b"\r")

    def take_received(self) -> bytes:
        """Return the bytes that were received and not used yet, for a server that has closed the connection."""
        data = self._received[self._position :]
        self._position = len(self._received)
        return data

    def read_some(self, max_bytes: int) -> bytes:
        """Return the next bytes, at most that many. Empty at the end. Raises OSError."""
        start = self._position
        if start == len(self._received):
            return self._receive(min(max_bytes, _RECEIVE_BYTES))
        data = self._received[start : start + max_bytes]
        self._position += len(data)
        return data

    def is_reusable(self) -> bool:
        """Return whether the server has neither closed the connection nor sent anything since the last response."""
        if self._position < len(self._received):
            return False
        # Decrypted bytes wait inside the TLS layer, where poll does not see them.
        if isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
            return False
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return not poll.poll(0)

    def close(self) -> None:
        """Close the connection. A second call does nothing."""
        self._socket.close()

    def _read_until(self, end: re.Pattern[bytes]) -> bytes:
        """Return the bytes before the end, and skip the end. Raises OSError.

        The number of bytes is limited, so that a head without an end does not fill the memory.
        """
        searched = self._position
        while not (found := end.search(self._received, searched)):
            unused = self._received[self._position :]
            if len(unused) > _MAX_HEAD_BYTES:
                raise InvalidResponse("a head or a line has no end")
            data = self._receive(_HEAD_RECEIVE_BYTES)
            self._received, self._position = unused + data, 0
            if not data:
                raise TruncatedResponse("the server closed the connection")
            searched = max(0, len(unused) - 2)  # An end may begin in the bytes that were there.
        read = self._received[self._position : found.start()]
        self._position = found.end()
        return read

    def _receive(self, max_bytes: int) -> bytes:
        self._limit_wait()
        return self._socket.recv(max_bytes)

    def _limit_wait(self) -> None:
        """Give the next wait only the time that is left. Raises TimeoutError when there is none."""
        if self._end == inf:
            return
        remaining = self._end - monotonic()
        if remaining <= 0:
            raise TimeoutError("the exchange took too long")
        self._socket.settimeout(remaining)


def open_connection(origin: Origin, seconds: float, ca_bundle: str = "") -> Connection:
    """Connect to the origin. TCP and TLS may take `seconds` each. Raises ConnectFailed."""
    try:
        tcp_socket = socket.create_connection((origin.host, origin.port), seconds)
    except (OSError, UnicodeError) as error:
        raise ConnectFailed(str(error)) from None
    try:
        tcp_socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if origin.scheme == "http":
            return Connection(tcp_socket)
        context = client_tls_context(ca_bundle)
        return Connection(context.wrap_socket(tcp_socket, server_hostname=origin.host))
    except BaseException as error:
        tcp_socket.close()
        if isinstance(error, (OSError, ValueError)):
            raise ConnectFailed(str(error)) from None
        raise


@lru_cache(maxsize=4)
def client_tls_context(ca_bundle: str = "") -> ssl.SSLContext:
    """Return a TLS context that trusts the certificates of that file, or those of the system.

    It is cached, because loading the certificates takes tens of milliseconds.
    """
    context = ssl.create_default_context(cafile=ca_bundle or None)
    context.set_alpn_protocols(["http/1.1"])
    return context
