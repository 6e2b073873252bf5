"""The process's way to AWS: one session, and of each client one. boto3 is loaded when the first is asked for.

A session reads a service's description once, which takes 100 ms of the first client and none of the next. It must
not make clients for several threads at once; clients themselves may be shared.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from boto3 import Session


@dataclass(frozen=True, slots=True)
class Terms:
    """How much a client gives a service: seconds to connect and to answer, calls in all, connections kept open."""

    connect: float = 3.0
    read: float = 10.0
    attempts: int = 3
    connections: int = 10


class Aws:
    """Makes clients and keeps them. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._session: Session | None = None
        self._clients: dict[tuple[str, Terms, str, str], Any] = {}

    def client(
        self, service: str, terms: Terms = Terms(), *, region: str = "", endpoint: str = ""
    ) -> Any:
        """The one client of a service on these terms; region and endpoint are the environment's where none are named.

        Raises what botocore says, e.g. where there is no region.
        """
        sort = service, terms, region, endpoint
        found = self._clients.get(sort)  # without the lock: somebody may be making another
        if found is None:
            with self._lock:
                found = self._clients.get(sort) or self._made(*sort)
        return found

    def _made(self, service: str, terms: Terms, region: str, endpoint: str) -> Any:
        import boto3

        self._session = self._session or boto3.Session()
        make: Any = self._session.client  # typed for literal names of services only
        options = {"region_name": region or None, "endpoint_url": endpoint or None}
        made = make(service, config=_config(service, terms), **options)
        if self._session.get_credentials():  # a client that was made without any never finds them
            self._clients[service, terms, region, endpoint] = made
        return made


def _config(service: str, terms: Terms) -> Any:
    from botocore.config import Config

    return Config(
        connect_timeout=terms.connect,
        read_timeout=terms.read,
        retries={"mode": "standard", "total_max_attempts": terms.attempts},
        max_pool_connections=terms.connections,
        signature_version="s3v4" if service == "s3" else None,
        # Over TLS, hashing a body to sign it, or again when it is read, says no more than the checksum beside it.
        s3={"addressing_style": "path", "payload_signing_enabled": False},
        response_checksum_validation="when_required",
    )
