"""The client: one exchange at a time on each connection of its pool.

It has no proxies, cookies, redirects, retries and content decoding. A caller that knows what a failure costs decides
about each of them.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Mapping
from time import time

from retouch.infrastructure.http1.connection import Connection, open_connection
from retouch.infrastructure.http1.connection_pool import ConnectionPool
from retouch.infrastructure.http1.origin import RequestTarget, parse_target
from retouch.infrastructure.http1.response import Response

_BODY_METHODS = ("POST", "PUT", "PATCH")
# A first chunk up to this size is sent together with the head.
_MAX_JOINED_BYTES = 65_536


class HttpClient:
    """Sends requests over open connections. Threads may share it."""

    def __init__(self, ca_bundle: str = "", unix_time: Callable[[], float] = time) -> None:
        """Create the client. `ca_bundle` is a file of trusted certificates. Empty: those of the system.

        `unix_time` tells how long a connection was idle. The monotonic clock stops while a function is frozen.
        """
        self._ca_bundle, self._pool = ca_bundle, ConnectionPool(unix_time)

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: Iterable[bytes],
        *,
        connect_seconds: float,
        read_seconds: float,
    ) -> Response:
        """Send a request and return its response, whose body is not read yet.

        The caller sets Content-Length when there is a body. The request and the whole response may take
        `read_seconds`. Raises
        ConnectFailed when nothing was sent, TimeoutError, other OSErrors, and ValueError for an invalid URL or header.
        """
        target = parse_target(url)
        head = _encode_head(method, target, headers)
        connection = self._pool.take(target.origin) or open_connection(
            target.origin, connect_seconds, self._ca_bundle
        )
        try:
            connection.limit_time(read_seconds)
            _send_request(connection, head, body)
            return Response(connection, method, lambda kept: self._pool.keep(target.origin, kept))
        except BaseException:
            connection.close()
            raise


def _send_request(connection: Connection, head: bytes, body: Iterable[bytes]) -> None:
    """Send the head and the body. A server that responds before it has read the whole body may close its side."""
    unsent = head
    try:
        for chunk in body:
            if unsent and len(chunk) <= _MAX_JOINED_BYTES:
                chunk = unsent + chunk
            elif unsent:
                connection.send(unsent)
            unsent = b""
            connection.send(chunk)
        if unsent:
            connection.send(unsent)
    except (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
        # The response may have arrived before. Reading it fails when it has not.
        return


def _encode_head(method: str, target: RequestTarget, headers: Mapping[str, str]) -> bytes:
    lines = [f"{method} {target.path} HTTP/1.1", f"Host: {target.host_header}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if method in _BODY_METHODS and not any(name.lower() == "content-length" for name in headers):
        lines.append("Content-Length: 0")
    if any("\r" in line or "\n" in line for line in lines):
        raise ValueError("A header has a line break.")
    try:
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
    except UnicodeEncodeError:
        # The error of the codec has the whole head, with its credentials.
        raise ValueError("A header has a character that cannot be sent.") from None
