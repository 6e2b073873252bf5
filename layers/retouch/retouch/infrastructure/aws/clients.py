"""The AWS clients of the process: one session, and one client per service. boto3 is loaded for the first client.

A session loads a service's description once. That takes 100 ms for the first client and nothing for the next. A
session must not create clients in several threads at once. Threads may share the clients themselves.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from boto3 import Session


@dataclass(frozen=True, slots=True)
class ClientConfig:
    """The limits of a client: connect and read timeouts in seconds, total attempts, and open connections."""

    connect_timeout: float = 3.0
    read_timeout: float = 10.0
    max_attempts: int = 3
    max_connections: int = 10


class AwsClients:
    """A factory that creates and caches clients. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._session: Session | None = None
        self._clients: dict[tuple[str, ClientConfig, str, str], Any] = {}

    def client(
        self,
        service: str,
        config: ClientConfig = ClientConfig(),
        *,
        region: str = "",
        endpoint: str = "",
    ) -> Any:
        """Return the one client of a service with this config.

        The environment gives the region and the endpoint when the caller does not. Raises botocore's errors, for
        example when there is no region.
        """
        cache_key = service, config, region, endpoint
        # without the lock, which another client's creation may hold
        client = self._clients.get(cache_key)
        if client is None:
            with self._lock:
                client = self._clients.get(cache_key) or self._create_client(*cache_key)
        return client

    def _create_client(self, service: str, config: ClientConfig, region: str, endpoint: str) -> Any:
        import boto3

        self._session = self._session or boto3.Session()
        make_client: Any = self._session.client  # typed for literal names of services only
        options = {"region_name": region or None, "endpoint_url": endpoint or None}
        client = make_client(service, config=_botocore_config(service, config), **options)
        if self._session.get_credentials():  # a client made without credentials never gets any
            self._clients[service, config, region, endpoint] = client
        return client


def _botocore_config(service: str, config: ClientConfig) -> Any:
    from botocore.config import Config

    return Config(
        connect_timeout=config.connect_timeout,
        read_timeout=config.read_timeout,
        retries={"mode": "standard", "total_max_attempts": config.max_attempts},
        max_pool_connections=config.max_connections,
        signature_version="s3v4" if service == "s3" else None,
        # Over TLS, a hash of the body for the signature, or a check on read, adds nothing to the checksum header.
        s3={"addressing_style": "path", "payload_signing_enabled": False},
        response_checksum_validation="when_required",
    )
