"""The connections that stay open after an exchange, and how long they wait for the next one."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from contextlib import suppress

from retouch.infrastructure.http1.connection import Connection
from retouch.infrastructure.http1.origin import Origin

_MAX_IDLE_CONNECTIONS = 16  # Of one origin.
# A peer or a NAT gateway on the way may forget a connection without a word. AWS's NAT gateways do so after 350 seconds.
_MAX_IDLE_SECONDS = 60.0


class ConnectionPool:
    """The idle connections of each origin. Threads may share it: list.append and list.pop are atomic.

    The connections are closed with the client that owns the pool, or at the end of the process.
    """

    def __init__(self, unix_time: Callable[[], float]) -> None:
        """`unix_time` tells how long a connection was idle."""
        self._unix_time = unix_time
        self._idle: dict[Origin, list[tuple[Connection, float]]] = {}
        weakref.finalize(self, _close_all, self._idle)

    def take(self, origin: Origin) -> Connection | None:
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

    def keep(self, origin: Origin, connection: Connection) -> None:
        """Keep a connection after its exchange, or close it when the origin has enough of them.

        With the first connection of a new origin, those of other origins that were idle for too long are closed. A
        caller may name many origins, of which none is used again.
        """
        if origin not in self._idle:
            self._close_expired()
        idle = self._idle.setdefault(origin, [])
        if len(idle) < _MAX_IDLE_CONNECTIONS:
            idle.append((connection, self._unix_time()))
        else:
            connection.close()

    def _close_expired(self) -> None:
        now = self._unix_time()
        for idle in list(self._idle.values()):
            with suppress(IndexError):  # There is none, or another thread took it.
                while now - idle[0][1] > _MAX_IDLE_SECONDS:
                    connection, _ = idle.pop(0)
                    connection.close()


def _close_all(idle: dict[Origin, list[tuple[Connection, float]]]) -> None:
    for connections in idle.values():
        for connection, _ in connections:
            connection.close()
