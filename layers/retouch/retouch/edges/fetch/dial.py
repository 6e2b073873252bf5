"""The fetcher's way out: names to addresses, and a connection to exactly the address that was checked.

No ambient proxies, no second look-up of the name, no pool. Trust is the system's certificate store.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Sequence
from functools import cache
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Protocol

Connect = Callable[[tuple[str, int], float], socket.socket]


class Connection(Protocol):
    """What is used of a connected socket."""

    def settimeout(self, value: float | None, /) -> None:
        """Seconds the next call may take."""

    def sendall(self, data: bytes, /) -> None:
        """Send everything."""

    def recv_into(self, buffer: memoryview, /) -> int:
        """Read what has come, at most the buffer's size; 0 at the end."""

    def close(self) -> None:
        """End it."""


class Resolve(Protocol):
    """Names to addresses."""

    def __call__(self, name: str, seconds: float, /) -> Sequence[str]:
        """All addresses of the name, found within `seconds`. OSError otherwise."""


class Dial(Protocol):
    """Addresses to connections."""

    def __call__(
        self, address: str, port: int, server_name: str, https: bool, seconds: float, /
    ) -> Connection:
        """Connected, and with https the certificate checked for `server_name`, within `seconds`. OSError otherwise."""


def resolve(name: str, seconds: float, /) -> list[str]:
    """The system's answer, in its order. TimeoutError after `seconds`, OSError when the name has no address.

    The look-up cannot be stopped, only left behind: it goes on in a thread that nobody waits for.
    """
    if seconds <= 0:
        raise TimeoutError("no time is left to resolve the name")
    answers: SimpleQueue[list[str] | OSError] = SimpleQueue()
    Thread(target=_look_up, args=(name, answers), daemon=True).start()
    try:
        found = answers.get(timeout=seconds)
    except Empty:
        raise TimeoutError("the name was not resolved in time") from None
    if isinstance(found, OSError):
        raise found
    return found


def _look_up(name: str, answers: SimpleQueue[list[str] | OSError]) -> None:
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
        answers.put(list(dict.fromkeys(str(entry[4][0]) for entry in found)))
    except OSError as unknown:
        answers.put(unknown)
    except UnicodeError:
        answers.put(OSError("the name cannot be asked for"))


class Dialer:
    """Connects to addresses. `trust` decides about certificates, `connect` makes the TCP connection."""

    def __init__(
        self,
        trust: Callable[[], ssl.SSLContext] | None = None,
        connect: Connect = socket.create_connection,
    ) -> None:
        self._trust = trust or _system_trust
        self._connect = connect

    def __call__(
        self, address: str, port: int, server_name: str, https: bool, seconds: float, /
    ) -> Connection:
        """A connection; the TCP and the TLS handshake together may take `seconds`."""
        until = time.monotonic() + seconds
        plain = self._connect((address, port), seconds)
        if not https:
            return plain
        try:
            plain.settimeout(max(0.001, until - time.monotonic()))
            # An end without TLS's own goodbye is a cut, not an end.
            return self._trust().wrap_socket(
                plain, server_hostname=server_name, suppress_ragged_eofs=False
            )
        except BaseException:
            plain.close()
            raise


@cache
def _system_trust() -> ssl.SSLContext:
    """Made once, since reading the store takes tens of milliseconds."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
