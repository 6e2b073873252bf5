"""Name resolution and connections for the fetcher. A connection goes to exactly the address that was checked.

There are no ambient proxies, no second lookup of the name and no connection pool. The system's certificate store
decides about trust.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import field
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Protocol

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.url_policy.errors import FetchError
from retouch.core.url_policy.policy import FetchPolicy
from retouch.core.url_policy.url import Url
from retouch.infrastructure.http1.connection import client_tls_context

TcpConnect = Callable[[tuple[str, int], float], socket.socket]


class SocketConnection(Protocol):
    """The part of a connected socket that the fetcher uses."""

    def settimeout(self, value: float | None, /) -> None:
        """Set the seconds that the next call may take."""

    def sendall(self, data: bytes, /) -> None:
        """Send all the data."""

    def recv_into(self, buffer: memoryview, /) -> int:
        """Read available bytes, at most the buffer's size. Return their number; 0 at the end."""

    def close(self) -> None:
        """Close the connection."""


class ResolveName(Protocol):
    """A function that resolves names to addresses."""

    def __call__(self, name: str, seconds: float, /) -> Sequence[str]:
        """Return all addresses of the name within `seconds`. Raises OSError otherwise."""


class OpenConnection(Protocol):
    """A function that connects to addresses."""

    def __call__(
        self, address: str, port: int, server_name: str, https: bool, seconds: float, /
    ) -> SocketConnection:
        """Return a connection within `seconds`.

        With https, its certificate is valid for `server_name`. Raises OSError.
        """


def resolve_name(name: str, seconds: float, /) -> list[str]:
    """Return the system's addresses for the name, in the system's order.

    Raises TimeoutError after `seconds`, and OSError when the name has no address. A lookup cannot be stopped: after a
    timeout it continues in a background thread, and its result is dropped.
    """
    if seconds <= 0:
        raise TimeoutError("no time is left to resolve the name")
    results: SimpleQueue[list[str] | OSError] = SimpleQueue()
    Thread(target=_look_up_addresses, args=(name, results), daemon=True).start()
    try:
        result = results.get(timeout=seconds)
    except Empty:
        raise TimeoutError("the name was not resolved in time") from None
    if isinstance(result, OSError):
        raise result
    return result


def _look_up_addresses(name: str, results: SimpleQueue[list[str] | OSError]) -> None:
    try:
        entries = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
        results.put(list(dict.fromkeys(str(entry[4][0]) for entry in entries)))
    except OSError as error:
        results.put(error)
    except UnicodeError:
        results.put(OSError("the name cannot be resolved"))


class Connector:
    """A function object that connects to addresses.

    `ssl_context` returns the TLS context. `tcp_connect` makes the TCP connection.
    """

    def __init__(
        self,
        ssl_context: Callable[[], ssl.SSLContext] | None = None,
        tcp_connect: TcpConnect = socket.create_connection,
    ) -> None:
        self._ssl_context = ssl_context or client_tls_context
        self._tcp_connect = tcp_connect

    def __call__(
        self, address: str, port: int, server_name: str, https: bool, seconds: float, /
    ) -> SocketConnection:
        """Return a connection. The TCP and the TLS handshake together may take `seconds`."""
        deadline = time.monotonic() + seconds
        tcp_socket = self._tcp_connect((address, port), seconds)
        if not https:
            return tcp_socket
        try:
            tcp_socket.settimeout(max(0.001, deadline - time.monotonic()))
            # A connection that ends without TLS's close_notify was cut off.
            return self._ssl_context().wrap_socket(
                tcp_socket, server_hostname=server_name, suppress_ragged_eofs=False
            )
        except BaseException:
            tcp_socket.close()
            raise


_MAX_ADDRESSES = 5  # addresses tried for one name

# returns the seconds for the next step; TimeoutError when there are none
RemainingSeconds = Callable[[], float]
# gets each address, before its check and before the connection to it
RecordAddress = Callable[[str], None]


@frozen_dataclass
class GuardedConnector:
    """A connector for untrusted URLs. It has no state, so threads may share it."""

    policy: FetchPolicy
    resolve_name: ResolveName = resolve_name
    open_connection: OpenConnection = field(default_factory=Connector)

    def __call__(
        self, url: Url, remaining_seconds: RemainingSeconds, record_address: RecordAddress
    ) -> SocketConnection:
        """Return a connection to the first address that accepts one.

        Raises FetchError when none is allowed or none accepts.
        """
        self.policy.check_url(url)
        reason = "upstream_unreachable"
        for address in self._allowed_addresses(url, remaining_seconds, record_address)[
            :_MAX_ADDRESSES
        ]:
            record_address(address)
            try:
                return self.open_connection(
                    address, url.port, url.host, url.scheme == "https", remaining_seconds()
                )
            except ssl.SSLError:
                reason = "tls_failed"
            except (OSError, ValueError):
                reason = "upstream_unreachable"
        raise FetchError(reason)

    def check(self, url: Url, remaining_seconds: RemainingSeconds) -> None:
        """Raise FetchError when a connection is not allowed. Resolve the name, but connect to nothing."""
        self.policy.check_url(url)
        self._allowed_addresses(url, remaining_seconds, lambda _address: None)

    def _allowed_addresses(
        self, url: Url, remaining_seconds: RemainingSeconds, record_address: RecordAddress
    ) -> list[str]:
        """Return every address of the host. Raises FetchError unless all of them are allowed."""
        addresses = (
            [str(url.ip_address)]
            if url.ip_address
            else self._resolve_host(url.host, remaining_seconds)
        )
        allowed = []
        for address in addresses:
            record_address(address)
            allowed.append(self.policy.check_address(url, address))
        # A function outside a dual-stack VPC has no IPv6 connectivity, so IPv4 goes first.
        return sorted(allowed, key=lambda address: ":" in address)

    def _resolve_host(self, host: str, remaining_seconds: RemainingSeconds) -> list[str]:
        try:
            addresses = list(self.resolve_name(host, remaining_seconds()))
        except (OSError, ValueError):
            addresses = []
        if not addresses:
            raise FetchError("dns_failed")
        return addresses
