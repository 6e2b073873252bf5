"""The client: connections that stay open, one exchange at a time on each.

It has no proxies, cookies, redirects, retries and content decoding. A caller that knows what a failure costs decides
about each of them.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Mapping
from time import time

from retouch.infrastructure.http1.connection import Connection, open_connection
from retouch.infrastructure.http1.origin import Origin, RequestTarget, parse_target
from retouch.infrastructure.http1.response import Response

_MAX_IDLE_CONNECTIONS = 16  # Of one origin.
# A peer or a NAT gateway on the way may forget a connection without a word. AWS's NAT gateways do so after 350 seconds.
_MAX_IDLE_SECONDS = 60.0
_BODY_METHODS = ("POST", "PUT", "PATCH")
# A first chunk up to this size is sent together with the head.
_MAX_JOINED_BYTES = 65_536


class HttpClient:
    """Sends requests over open connections. Threads may share it: list.append and list.pop are atomic."""

    def __init__(self, ca_bundle: str = "", unix_time: Callable[[], float] = time) -> None:
        """Create the client. `ca_bundle` is a file of trusted certificates. Empty: those of the system.

        `unix_time` tells how long a connection was idle. The monotonic clock stops while a function is frozen.
        """
        self._ca_bundle, self._unix_time = ca_bundle, unix_time
        self._idle: dict[Origin, list[tuple[Connection, float]]] = {}

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
        connection = self._take_idle(target.origin) or open_connection(
            target.origin, connect_seconds, self._ca_bundle
        )
        try:
            connection.limit_time(read_seconds)
            _send_request(connection, head, body)
            return Response(connection, method, lambda kept: self._keep(target.origin, kept))
        except BaseException:
            connection.close()
            raise

    def _take_idle(self, origin: Origin) -> Connection | None:
        """Return a kept connection that the server has not closed, or None."""
        idle = self._idle.get(origin)
        while idle:
            try:
                connection, kept_at = idle.pop()
            except IndexError:  # Another thread took it.
                return None
            is_recent = 0 <= self._unix_time() - kept_at <= _MAX_IDLE_SECONDS
            if is_recent and connection.is_reusable():
                return connection
            connection.close()
        return None

    def _keep(self, origin: Origin, connection: Connection) -> None:
        idle = self._idle.setdefault(origin, [])
        if len(idle) < _MAX_IDLE_CONNECTIONS:
            idle.append((connection, self._unix_time()))
        else:
            connection.close()


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
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
