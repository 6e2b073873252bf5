"""The loopback ports of servers."""

from __future__ import annotations

import random
import socket
from pathlib import Path

LOOPBACK = "127.0.0.1"

_FIRST_PORT = 10_000
# Linux states here which ports it gives to clients and to servers that bind port 0.
_SYSTEM_RANGE_FILE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_USUAL_SYSTEM_RANGE_START = 32_768


def bind_listener(port: int = 0, host: str = LOOPBACK) -> socket.socket:
    """Return a socket that is bound to a port but does not listen yet. By default only this machine reaches it."""
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock


def unused_port() -> int:
    """Return a loopback port on which nothing listens, and which the system gives to nobody.

    The system gives ports of its own range to every client and to every server that binds port 0. A port of
    that range can be taken between this call and the start of the server that is told to use it.
    """
    ports = range(_FIRST_PORT, system_range_start(_SYSTEM_RANGE_FILE))
    while True:
        port = random.choice(ports)  # noqa: S311 - other processes choose ports at the same time
        if _can_bind(port):
            return port


def system_range_start(file: Path) -> int:
    """Return the first port of the range that the file states, or of Linux's usual range.

    A stated range that begins so low that few ports are left below it is ignored.
    """
    start = int(file.read_text(encoding="ascii").split()[0]) if file.exists() else 0
    return start if start > 2 * _FIRST_PORT else _USUAL_SYSTEM_RANGE_START


def _can_bind(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
